// Package porttest is what the conformance suites of storage ports have in
// common: a fixture of two workspaces, and the cases that every method of every
// port passes. The <domain>test packages of this module import it; authors of
// adapters import those, and see nothing of it.
package porttest
