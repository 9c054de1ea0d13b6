package accounts

import "time"

const (
	// MaxNameBytes is the length of any name: what fits a line.
	MaxNameBytes = 100
	// MaxTeamMembers is the number of users of a team. Teams are read whole.
	MaxTeamMembers = 500
	// MaxTopics is the number of topics of one notification channel.
	MaxTopics = 100
	// maxLocaleBytes is the length of a BCP 47 tag (RFC 5646 §4.4.1).
	maxLocaleBytes = 35
	// staleness is how old an answer about access may be.
	staleness = 5 * time.Second
	// maxCached is the number of answers of one kind that a service remembers:
	// about 20 MB when all levels are custom ones.
	maxCached = 10_000
)
