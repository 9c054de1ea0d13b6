package segments

import "time"

const (
	// MaxNameBytes is the length of a segment's name.
	MaxNameBytes = 200
	// MaxSegments is the number of segments in a workspace: the heads of all are
	// read with every run of events.
	MaxSegments = 1000

	// buildPage is the number of contacts that a step of a build judges. A step
	// is one transaction, and other events of the workspace wait for it.
	buildPage = 500
	// purgeSize is the number of rows that a step of a purge removes.
	purgeSize = 1000
	// timerClaim is the number of due memberships that the timers take at once.
	timerClaim = 1000
	// timerLease is how long the consumer has to judge a membership that was due
	// before the timers ask again.
	timerLease = time.Minute
	// timerContacts is the number of contacts in one TimerDue.
	timerContacts = 500
	// historyPages bounds the pages of events that one evaluation reads, so that
	// a contact with an endless history can't hold its workspace up.
	historyPages = 2000
	// editAttempts is how often the segments are read again when one of them was
	// edited between two statements.
	editAttempts = 3
	// maxPrograms is the number of compiled filters that a Service keeps.
	maxPrograms = 4096
)
