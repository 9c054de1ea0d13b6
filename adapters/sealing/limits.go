package sealing

import "time"

const (
	// KeyBytes is the length of data keys and of the host's keys: AES-256.
	KeyBytes = 32
	// Overhead is how much longer a sealed value is than what was sealed: the
	// format, the data key's id, the nonce and the tag.
	Overhead = 1 + 16 + nonceBytes + tagBytes
	// MaxPlainBytes is the size of a value: secrets are small, and files belong
	// into Blobs.
	MaxPlainBytes = 1 << 20
	// MaxContextBytes is the length of what names table, column and row.
	MaxContextBytes = 1 << 10
	// MaxWrappedBytes is the size of a data key as a KeyProvider wraps it; key
	// management services answer some hundred bytes.
	MaxWrappedBytes = 8 << 10

	// The nonce is random. 2^80 values under one data key collide with a
	// probability of 2^-32 (c2sp.org/XAES-256-GCM): a million a second would take
	// 38 billion years. Rotate is for keys that somebody may have seen.
	nonceBytes = 24
	tagBytes   = 16

	// keyLife is how long an unwrapped data key stays in the process, so that a
	// key management service is asked rarely, and a key it has disabled ends.
	keyLife = 5 * time.Minute
	// seenFor is how long a data key is taken to exist without asking the store,
	// hence how long other processes may open what was erased.
	seenFor = 5 * time.Second
	// cachedKeys is the number of unwrapped data keys in a process, 600 bytes each.
	cachedKeys = 4096

	// rewrapAtOnce is the number of data keys wrapped anew in one transaction. A
	// key management service answers as many within the lease.
	rewrapAtOnce = 100
	// rewrapLease is how long a replica that wraps has for those.
	rewrapLease = time.Minute
	// lookEvery is how often the worker looks for data keys that an older key of
	// the host wraps, besides at its start and when the newest key changes.
	lookEvery = time.Hour
)
