// Package apikeys keeps a workspace's API keys: write keys, which only send in
// what contacts do and may be published in a web page, and secret keys, which
// administer with the permissions they name. Hosts that have no keys of their
// own import it for engage.KeyVerifier; it needs no other part of accounts.
//
// # What a key looks like
//
//	key    = prefix id secret check
//	prefix = "engw_" for a write key, "engs_" for a secret key
//	id     = 26 characters, the 16 bytes of the key's id
//	secret = 52 characters, 32 bytes of crypto/rand
//	check  = 7 characters, the CRC-32 (IEEE) of all before it, big-endian
//
// The parts are written in lower-case base32 with the alphabet
// 0123456789abcdefghjkmnpqrstvwxyz, each by itself and in its only spelling. A
// scanner for leaked keys looks for
//
//	\beng[sw]_[0-9a-hjkmnp-tv-z]{85}\b
//
// and computes the check to be sure; a mistyped key is refused by it before
// anybody looks into a table.
//
// # What is kept
//
// Of a key stay its id, its kind and the SHA-256 of its whole text, so that a
// copied table opens nothing and a digest moved to another row opens nothing
// either. A slow hash exists for passwords, which can be guessed; 256 random bits
// can't be at any speed, and a slow hash would only slow down each request. The
// text itself is answered once, by Create and Rotate.
//
// # Where it is kept
//
// A caller who shows a key has not said whose it is, so a key is found by its id
// alone, in one database. In an installation of several, give the service the
// store and the repository of its directory: a store over that one database.
//
// A key's events stand in the log of its workspace: that is where its
// administrators look for who made and revoked it, and hosts that have keys may
// have no organizations.
package apikeys
