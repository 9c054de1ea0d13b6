package smtpmail_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/messaging"
)

// A sender for a provider's submission port: STARTTLS is required and the
// password is a secret by default. Nothing is dialed before the first message.
func ExampleNew() {
	sender, err := smtpmail.New(smtpmail.Config{
		Addr:     "smtp.example.com:587",
		Username: "apikey",
		Password: engage.NewSecret("correct horse"),
		Hello:    "app.example.com",
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = sender.Close() }()
	fmt.Println("ready")
	// Output: ready
}

// A relay in one's own network is named in the policy, which otherwise opens
// public addresses alone. It signs in with access tokens here.
func ExampleNew_relay() {
	sender, err := smtpmail.New(smtpmail.Config{
		Addr:     "relay.internal:2525",
		Policy:   netguard.Policy{Private: []string{"relay.internal:2525"}},
		Username: "app@example.com",
		Token: func(ctx context.Context) (engage.Secret, error) {
			return engage.NewSecret("ya29.token"), ctx.Err() // of an OAuth 2.0 client that keeps it until it expires
		},
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = sender.Close() }()
	fmt.Println(sender)
	// Output: smtpmail.Sender(relay.internal:2525)
}

// An invalid configuration is reported whole.
func ExampleNew_faults() {
	_, err := smtpmail.New(smtpmail.Config{
		Addr: "smtp.example.com", TLS: smtpmail.UnsafePlaintext,
		Username: "apikey", Password: engage.NewSecret("correct horse"),
	})
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// addr: want host:port
	// username: credentials need TLS
}

func ExampleSender_SendEmail() {
	catcher, err := mailcatcher.Start(mailcatcher.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = catcher.Close() }()
	sender, err := smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), TLS: smtpmail.UnsafePlaintext, Policy: catcher.Policy()})
	if err != nil {
		panic(err)
	}
	defer func() { _ = sender.Close() }()

	ctx, ws := context.Background(), engage.WorkspaceID{1}
	_, err = sender.SendEmail(ctx, ws, messaging.Email{
		From:      messaging.Address{Name: "Ada’s Shop", Email: "shop@example.com"},
		To:        messaging.Address{Email: "grace@example.net"},
		MessageID: "01jd3v9r8w@example.com",
		Subject:   "Your order is on its way",
		Text:      "It left today.\n",
	})
	if err != nil {
		panic(err)
	}
	received, err := catcher.Wait(ctx, 1)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s: %q\n", received[0].To, received[0].Subject, received[0].Text)
	// Output: grace@example.net: Your order is on its way: "It left today.\r\n"
}

// The class of an error says what to do next.
func ExampleSender_SendEmail_failure() {
	catcher, err := mailcatcher.Start(mailcatcher.Config{
		Refuse: func(recipient string) *mailcatcher.Refusal {
			return &mailcatcher.Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}
		},
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = catcher.Close() }()
	sender, err := smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), TLS: smtpmail.UnsafePlaintext, Policy: catcher.Policy()})
	if err != nil {
		panic(err)
	}
	defer func() { _ = sender.Close() }()

	_, err = sender.SendEmail(context.Background(), engage.WorkspaceID{1}, messaging.Email{
		From: messaging.Address{Email: "shop@example.com"}, To: messaging.Address{Email: "gone@example.net"},
		MessageID: "1@example.com", Text: "Hello?",
	})
	failure, ok := errors.AsType[*messaging.SendError](err)
	fmt.Println(ok, failure.Code, failure.Class.SuppressesAddress())
	fmt.Println(err)
	// Output:
	// true 550 5.1.1 true
	// send: address gone (550 5.1.1): RCPT: 550 5.1.1 no such user
}
