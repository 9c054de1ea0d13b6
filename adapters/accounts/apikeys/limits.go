package apikeys

import "time"

const (
	// MaxNameBytes is the length of a key's name, which people read in a list.
	MaxNameBytes = 100
	// MaxPermissions is the number of permissions of a key: several times what
	// the suite knows.
	MaxPermissions = 200
	// MaxPermissionBytes is the length of a permission's word.
	MaxPermissionBytes = 64
	// MaxOrigins is the number of web origins of a key: the sites of one shop in
	// its countries.
	MaxOrigins = 50
	// MaxOverlap is how long a rotated key's former text may still serve: a
	// month, in which every deployment gets its new one.
	MaxOverlap = 30 * 24 * time.Hour
	// Freshness is how long a verified key is believed without another look, and
	// so how long a revoked one may still serve in other processes.
	Freshness = 5 * time.Second
	// maxHeld bounds what a process remembers of verified keys, at about 1 KiB
	// each. Beyond it any one is forgotten, which costs it a lookup.
	maxHeld = 10_000
	// maxUses bounds the uses that wait to be written. Those beyond it are
	// noted with a later use.
	maxUses = 10_000
)
