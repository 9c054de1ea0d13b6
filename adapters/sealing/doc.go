// Package sealing keeps secrets at rest: AES-256-GCM with a data key for each
// workspace, wrapped by a key that the host gives. Programs that compose the
// suite import it, package stack does; domains see [engage.Sealer] alone.
package sealing
