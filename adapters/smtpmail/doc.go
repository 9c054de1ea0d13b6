// Package smtpmail sends email over SMTP: it composes the message, holds the
// conversation with the server, and says what became of every message. Programs
// that send through a mail server import it and give its [Sender] to the
// messaging service as its [messaging.EmailSender]; programs that use a provider's
// HTTP interface do not need it.
//
// # What it promises
//
// A message is composed whole before a connection is used, so nothing is ever
// delivered cut short. Each phase of the conversation has a deadline, and the end
// of ctx closes the connection. The class of an error is the truth about the
// message: failures before the final dot are known, and one after it is
// [messaging.FailureUnknown], because the server may have taken the message.
//
// One envelope has one recipient. Connections stay open between messages, at most
// [Config.MaxConns] of them; calls wait for one in turn, at most
// [Config.MaxWaiting] of them, and further ones are turned away. A refusal that
// leaves both sides in step costs the connection nothing; after any other failure
// it is closed, and the next message gets a new one.
//
// By default a server must offer STARTTLS with a valid certificate, and no
// credential crosses a connection without TLS. Servers are reached through a
// [netguard.Policy], which opens public addresses alone.
//
// # Standards
//
// RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954 (AUTH: PLAIN, LOGIN, and the
// XOAUTH2 of Google and Microsoft), RFC 2920 (PIPELINING), RFC 1870 (SIZE), RFC
// 2034 and 3463 (enhanced status codes), RFC 5322 and 2045 to 2047 (messages,
// MIME). Messages are composed in seven bits, so 8BITMIME (RFC 6152) is never
// needed. Addresses are ASCII; one that needs SMTPUTF8 (RFC 6531), which is not
// spoken, is refused by that name.
package smtpmail
