// Package memplans keeps subscriptions and usage counters in memory, over the
// kernel of package memory. Compositions and unit tests import it.
package memplans
