// Package memcontacts keeps contacts, their tags, lists, attributes, events and
// timelines in memory, over the kernel of package memory. Compositions and unit
// tests import it.
package memcontacts
