package mailcatcher_test

import (
	"context"
	"fmt"
	"net/smtp"

	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
)

// Any program that speaks SMTP can be pointed at a catcher.
func Example() {
	catcher, err := mailcatcher.Start(mailcatcher.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = catcher.Close() }()

	message := "From: shop@example.com\r\nTo: grace@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello.\r\n"
	err = smtp.SendMail(catcher.Addr(), nil, "bounces@example.com", []string{"grace@example.net"}, []byte(message))
	if err != nil {
		panic(err)
	}
	messages, err := catcher.Wait(context.Background(), 1)
	if err != nil {
		panic(err)
	}
	m := messages[0]
	fmt.Println(m.EnvelopeFrom, "→", m.EnvelopeTo)
	fmt.Println(m.Subject)
	// Output:
	// bounces@example.com → grace@example.net
	// Grüße
}
