package messaging_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

func ExampleTemplate() {
	compiled, err := messaging.Template{
		Subject: `{{ first_name | default: "Hello" }}, your order is on its way`,
		HTML:    `<p>{% for item in order.items %}{{ item.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}</p>`,
		Text:    `Total: {{ order.total }}`,
	}.Compile()
	if err != nil {
		panic(err)
	}
	fmt.Println("reads", compiled.Variables())

	mail, err := compiled.Render(map[string]any{
		"order": map[string]any{
			"total": "23.50 EUR",
			"items": []any{map[string]any{"name": "Tea"}, map[string]any{"name": "Cups & saucers"}},
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(mail.Subject)
	fmt.Println(mail.HTML)
	fmt.Println(mail.Text)
	// Output:
	// reads [first_name order]
	// Hello, your order is on its way
	// <p>Tea, Cups &amp; saucers</p>
	// Total: 23.50 EUR
}

// What is wrong with a template is reported with the part and the line.
func ExampleTemplate_Compile() {
	_, err := messaging.Template{Subject: "Hi {{ name", Text: "one\n{% include '/etc/passwd' %}"}.Compile()
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// subject: line 1: {{ is not closed on its line
	// text: line 2: unknown tag "include"
}

// A mail with a hole in it is not sent.
func ExampleCompiled_Render_missing() {
	compiled, err := messaging.Template{Text: "Your code is {{ code }}."}.Compile()
	if err != nil {
		panic(err)
	}
	_, err = compiled.Render(nil)
	fmt.Println(errors.Is(err, messaging.ErrMissingVariable))
	// Output: true
}

func ExampleEmail_Validate() {
	err := messaging.Email{
		From:      messaging.Address{Name: "Shop", Email: "shop@example.com"},
		To:        messaging.Address{Email: "grace@example.net, ada@example.net"},
		MessageID: "1@example.com",
		Subject:   "Hi\r\nBcc: everyone@example.net",
		Text:      "…",
	}.Validate()
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// to.email: want an address as user@example.com
	// subject: line breaks and other control characters are refused
}

// outage is a sender that can't reach its server.
type outage struct{}

func (outage) SendEmail(context.Context, engage.WorkspaceID, messaging.Email) (messaging.Receipt, error) {
	return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailureRetryable, Code: "421 4.3.2"}
}

// Callers branch on the class of a failure, never on its text.
func ExampleClassOf() {
	var sender messaging.EmailSender = outage{}
	_, err := sender.SendEmail(context.Background(), engage.WorkspaceID{1}, messaging.Email{})
	switch class := messaging.ClassOf(err); {
	case class.MayRetry():
		fmt.Println("later")
	case class.SuppressesAddress():
		fmt.Println("never again")
	case class == messaging.FailureUnknown:
		fmt.Println("ask the provider")
	}
	// Output: later
}
