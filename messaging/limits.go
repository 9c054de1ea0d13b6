package messaging

import "time"

const (
	// MaxTemplateNameBytes is the length of a saved template's name.
	MaxTemplateNameBytes = 200
	// MaxDataBytes is the size of the data of one message.
	MaxDataBytes = 32 << 10
	// MaxAttempts is how often a message is tried while its failures are
	// retryable: about two days pass over them, most of them half an hour apart, as
	// engage.Backoff has them. RFC 5321 §4.5.4.1 gives up after four or five.
	MaxAttempts = 100
	// MaxRetryAfter is the longest that the other side puts a message off: a day,
	// after which any quota has come round. What it asks beyond that is tried then.
	MaxRetryAfter = 24 * time.Hour
	// DefaultMaxUnconfirmed is the number of intents without a committed outcome
	// that a process has at most, hence of messages whose outcome becomes unknown
	// when it is killed.
	DefaultMaxUnconfirmed = 8

	// DefaultLease is how long an intent may be without an outcome before it counts
	// as lost. It is above the sum of an SMTP conversation's deadlines.
	DefaultLease = 10 * time.Minute

	// maxAnswerBytes is the length of what the ledger keeps of another side's
	// answer: its code, and its name for the message.
	maxAnswerBytes = 255
	// senderHold is how long nothing is handed over once the sender's credentials
	// or settings were refused: until someone has mended them, each try would fail
	// and providers lock accounts that keep trying.
	senderHold = time.Minute
	// lostAtOnce is the number of lost intents settled in one transaction.
	lostAtOnce = 500
	// compiledTemplates is the number of compiled templates a Service keeps.
	compiledTemplates = 256
)
