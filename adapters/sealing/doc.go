// Package sealing keeps secrets at rest: AES-256-GCM with a data key for each
// workspace, wrapped by a key that the host gives. Programs that compose the
// suite import it, package stack does; domains see [engage.Sealer] alone.
//
// # What a sealed value is
//
// A format byte, the id of the data key, 24 random bytes and the ciphertext with
// its tag: [Overhead] bytes more than the value. The cipher is XAES-256-GCM
// (c2sp.org/XAES-256-GCM): AES-256-GCM under a key that is derived from the data
// key and half of the random bytes, so that no number of values that a workspace
// could ever seal wears a data key out, and none has to be counted. What is
// authenticated besides is the format, the workspace, the data key and the
// context that the caller names, table, column and row: a value that was changed,
// or copied to another place, does not open.
//
// # Whose keys
//
// A [KeyProvider] wraps data keys: [StaticKeys] with keys of 32 bytes that the
// host keeps in its configuration, or the host's own over a key management
// service. When the host's newest key changes, the worker of the [Service] wraps
// every data key anew, and sealed values stay as they are.
//
// # Erasing
//
// [Service.Erase] deletes a workspace's data keys; what they sealed is lost in
// the database and in all of its backups that are older, provided that these
// don't hold the data keys too. So back up the table engage_sealing_keys apart
// from the others, and keep it no longer than an erasure may take. An unwrapped
// key is kept in the process for five minutes at most, and every five seconds it
// is asked of the store whether it still exists: the process that erases forgets
// it with the commit, the others within those five seconds. Asking each time
// would cost Open a read by primary key, about a hundred times what it takes.
//
// Go can't wipe a cipher's expanded key, nor copies that the runtime made: an
// erased key may stay in the memory of the process until the memory is used
// again.
package sealing
