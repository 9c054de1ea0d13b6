// Package stacktest is the test kit of programs that use the suite: the whole
// platform in memory, made in milliseconds, with a clock that stands still and a
// mailbox in place of a mail server. Unit tests import it; nothing else should.
//
//	kit := stacktest.New(t)
//	… kit.Contacts.Identify(ctx, kit.Workspace, …)
//	kit.Advance(48 * time.Hour)
//	kit.RequireSent("ana@acme.test", "Welcome, Ana")
package stacktest
