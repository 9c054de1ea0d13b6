// Package mailcatcher is a mail server that keeps what it is sent and delivers
// nothing. Tests and examples import it to see the mail that their program really
// sends, over a real connection; a program in production has no use for it.
package mailcatcher
