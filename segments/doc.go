// Package segments keeps groups of contacts that are defined by a condition, and
// knows at each moment who belongs to them. Teams import it to say "trial users
// who signed in this week" once and to campaign to them, to start automations
// when a contact enters, or to count them.
//
// A segment is a name and a filter, written in the language of package
// segments/filter. [Service.Consumer] follows what happens to contacts and
// judges, of each contact that was touched, the segments that what happened can
// concern; [Service.Workers] has the timers that judge again where the passing
// of time alone changes a verdict. Every change of membership is told once, by
// [Entered] and [Exited].
//
// # Building
//
// A new filter is built in the log: the consumer judges a page of contacts for
// each step and asks for the next one, in order with everything else that
// happens to the workspace, so a build and what contacts do meanwhile can't
// miss each other. Until a changed filter has been built, [Service.Members] and
// [Service.Of] answer by the former one. What a build changes is told as rebuilt:
// it comes from the edit, not from the contact, and starts no automation.
//
// # Facts
//
// How often a contact did something, when first and when last is kept as a
// [Fact] and answers most conditions on events. The others read the contact's
// history. Both count what absorbed contacts did for their survivor.
//
// # What ends a membership
//
// A contact that is deleted or absorbed leaves its segments without an Exited
// event: contacts.Deleted and contacts.Merged say so already, and an exit would
// start automations for somebody who is not there. When a tag, a list or a
// segment is deleted that a filter refers to, the segment is broken: its members
// stay as they are until its filter is changed.
package segments
