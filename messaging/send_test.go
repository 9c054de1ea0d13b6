package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

func TestEachClassSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		class                          messaging.FailureClass
		retry, final, suppress, config bool
		code                           engage.Code
	}{
		{messaging.FailureRetryable, true, false, false, false, engage.Unavailable},
		{messaging.FailurePermanent, false, true, false, false, engage.FailedPrecondition},
		{messaging.FailureAddressGone, false, true, true, false, engage.NotFound},
		{messaging.FailureConfig, false, true, false, true, engage.FailedPrecondition},
		{messaging.FailurePayload, false, true, false, false, engage.Invalid},
		{messaging.FailureUnknown, false, false, false, false, engage.Internal},
	} {
		t.Run(c.class.String(), func(t *testing.T) {
			t.Parallel()
			if c.class.MayRetry() != c.retry || c.class.IsFinal() != c.final || c.class.SuppressesAddress() != c.suppress || c.class.HoldsSender() != c.config {
				t.Errorf("%s is misjudged", c.class)
			}
			err := fmt.Errorf("campaign: %w", &messaging.SendError{Class: c.class, Err: context.DeadlineExceeded})
			if got := messaging.ClassOf(err); got != c.class {
				t.Errorf("ClassOf is %s", got)
			}
			if got := engage.CodeOf(err); got != c.code {
				t.Errorf("CodeOf is %s, want %s", got, c.code)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error("the cause is lost")
			}
		})
	}
	if len(messaging.FailureClasses()) != 6 {
		t.Error("the set of classes changed")
	}
}

func TestErrorsOfOthersAreNeverRetried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want messaging.FailureClass
	}{
		"no error":        {nil, ""},
		"an invalid mail": {messaging.Email{}.Validate(), messaging.FailurePayload},
		"a context":       {context.Canceled, messaging.FailureUnknown},
		"anything":        {errors.New("boom"), messaging.FailureUnknown},
		"unavailable":     {engage.ErrUnavailable, messaging.FailureUnknown},
	} {
		if got := messaging.ClassOf(c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestASendErrorIsOneLine(t *testing.T) {
	t.Parallel()
	err := &messaging.SendError{Class: messaging.FailureAddressGone, Code: "550 5.1.1", RetryAfter: time.Minute, Err: errors.New("no such user")}
	if got, want := err.Error(), "send: address gone (550 5.1.1), retry after 1m0s: no such user"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (&messaging.SendError{}).Error(); got != "send: none" {
		t.Errorf("got %s", got)
	}
}
