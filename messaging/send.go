package messaging

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-engage/engage"
)

// FailureClass says what a failed hand-over means for the next step. The set is
// closed; its values are stored and must not change.
type FailureClass string

// The classes. The zero FailureClass is no failure.
const (
	// FailureRetryable: the message was not taken, and trying the same again
	// later may help: no connection, a 4xx answer, a rate limit.
	FailureRetryable FailureClass = "retryable"
	// FailurePermanent: this message to this recipient was refused for good, by
	// the policy of the receiver for instance. The address may still be fine.
	FailurePermanent FailureClass = "permanent"
	// FailureAddressGone: the address does not exist or no longer takes mail.
	// It belongs on the suppression list.
	FailureAddressGone FailureClass = "address_gone"
	// FailureConfig: credentials or settings of the sender are wrong. Every
	// other message would fail alike, so the sender is held until someone has
	// looked at it.
	FailureConfig FailureClass = "config"
	// FailurePayload: the message itself is at fault: malformed, or too large.
	FailurePayload FailureClass = "payload"
	// FailureUnknown: the message was handed over whole, and the answer was
	// lost. It may or may not arrive (RFC 1047). It is never sent again blindly.
	FailureUnknown FailureClass = "unknown"
)

// FailureClasses lists the closed set.
func FailureClasses() []FailureClass {
	return []FailureClass{
		FailureRetryable, FailurePermanent, FailureAddressGone,
		FailureConfig, FailurePayload, FailureUnknown,
	}
}

// String is the stored word, as "address_gone", or "none" for the zero class.
func (c FailureClass) String() string {
	if c == "" {
		return "none"
	}
	return string(c)
}

// MayRetry reports whether sending the same message again is safe and may help.
func (c FailureClass) MayRetry() bool { return c == FailureRetryable }

// IsFinal reports whether the outcome is known and will not change by itself.
// A retryable failure and an unknown one are not final.
func (c FailureClass) IsFinal() bool {
	switch c {
	case FailurePermanent, FailureAddressGone, FailureConfig, FailurePayload:
		return true
	case FailureRetryable, FailureUnknown:
	}
	return false
}

// SuppressesAddress reports whether nothing more should go to the address.
func (c FailureClass) SuppressesAddress() bool { return c == FailureAddressGone }

// HoldsSender reports whether other messages of the same sender would fail too.
func (c FailureClass) HoldsSender() bool { return c == FailureConfig }

// SendError is what every channel's sender answers when it did not deliver.
// It never holds a secret.
type SendError struct {
	Class FailureClass
	// Code is the answer of the other side in its own notation: "550 5.1.1" for
	// SMTP, "UNREGISTERED" for FCM; "" when there was none.
	Code string
	// RetryAfter is how long the other side asked to wait, of which at most
	// MaxRetryAfter is granted; 0: it did not say.
	RetryAfter time.Duration
	// Err is the cause; the error of a context that ended is in its tree.
	Err error
}

// Error is one line: class, code, cause.
func (e *SendError) Error() string {
	var b strings.Builder
	b.WriteString("send: " + strings.ReplaceAll(e.Class.String(), "_", " "))
	if e.Code != "" {
		b.WriteString(" (" + e.Code + ")")
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %s", e.RetryAfter)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause and the sentinel that comes nearest to the class:
// ErrUnavailable for retryable, ErrNotFound for address-gone, ErrInvalid for
// payload, ErrFailedPrecondition for permanent and config, and ErrInternal for
// unknown, so that nobody who retries what is unavailable repeats it.
func (e *SendError) Unwrap() []error {
	sentinel := engage.ErrInternal
	switch e.Class {
	case FailureRetryable:
		sentinel = engage.ErrUnavailable
	case FailurePermanent, FailureConfig:
		sentinel = engage.ErrFailedPrecondition
	case FailureAddressGone:
		sentinel = engage.ErrNotFound
	case FailurePayload:
		sentinel = engage.ErrInvalid
	case FailureUnknown:
	}
	if e.Err == nil {
		return []error{sentinel}
	}
	return []error{e.Err, sentinel}
}

// ClassOf is the class of err, "" for nil. An input that was refused before
// anything left (ErrInvalid) is payload. Any other error that is no *SendError
// is unknown: who can't tell what became of a message must not send it again.
func ClassOf(err error) FailureClass {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*SendError](err); ok {
		return e.Class
	}
	if errors.Is(err, engage.ErrInvalid) {
		return FailurePayload
	}
	return FailureUnknown
}
