// Package filter is the language in which a workspace says whom it means: a
// closed syntax tree of conditions on a contact's attributes, events and
// memberships, its JSON form, and a builder in Go. Segments, campaigns,
// automations and list views import it to store and to pass on such conditions;
// it evaluates nothing, so a program that only keeps filters links nothing else.
//
// # Building
//
// A filter is built from nodes. Nothing is checked on the way; [Build] and
// [Filter.Validate] report every fault at once, each with the JSON Pointer
// (RFC 6901) of the place it has in the document:
//
//	f, err := filter.Build(filter.And(
//		filter.Attr("plan").Is("trial"),
//		filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour),
//	))
//
// # The document
//
// [Parse] reads the stored form, and encoding/json writes it:
//
//	{"v":1,"entity":"contact","tz":"workspace","where":{"all":[
//	  {"attr":"plan","op":"eq","value":"trial"},
//	  {"event":"signed_in","op":"gte","value":1,"window":{"last":"7d"}}]}}
//
// Conditions:
//
//	{"all":[…]}  {"any":[…]}  {"none":[…]}  {"not":{…}}
//	{"attr":key, "op":operator, "value":…}        an attribute
//	{"prop":key, "op":operator, "value":…}        a property, in an event's where
//	{"event":name, "op":…, "value":…, "where":{…}, "window":{…}}
//	{"member":"tag|list|segment", "id":…, "state":…, "is":true|false}
//	{"bucket":{"salt":…, "from":0, "to":5000}}    a stable random share
//
// Leaves on a value (attr, prop) also take "path" into a JSON value, "type" (how
// a literal in a JSON string is to be read), "ci" (ignore case), "cast" (convert
// the stored value to the literal's type), "missing" ("match" or "nomatch") and
// "tz" ("workspace", "contact" or an IANA name). An event's op is did, did_not,
// eq, gte, lte or between, over the count of occurrences. Its window is one of
//
//	{"ever":true}                                   also when there is none
//	{"last":"7d"}                                   rolling, 7 × 24 hours
//	{"between":["90d","30d"]}                       rolling, from 90 to 30 days ago
//	{"from":"2026-01-01T00:00:00Z","until":"…"}     absolute, either end may be open
//	{"calendar":"last","n":3,"unit":"month"}        local midnights; "this" for the current unit
//
// Unknown fields, operators and types are faults; so are duplicate keys, NUL,
// invalid UTF-8, trailing data and whatever exceeds the limits of this package.
// Conditions that the language reserves and this version lacks (sequences,
// relations, geography, sums) are refused with the code [FaultUnsupported].
//
// # Meaning
//
// Logic has two values. A positive operator is false where the value is missing,
// null or of another type; a negative one (neq, nin, ncontains, …) is exactly
// its complement and so includes them. "missing" overrides either. Numbers are
// exact decimals. Durations are fixed lengths: a day is 24 hours. Text stands in
// the tree as it was written; Unicode normalisation and case folding are the
// evaluator's.
//
// # Equality
//
// [Filter.Normal] orders and flattens a filter, and [Filter.Hash] digests that
// form, so that two filters that differ in spelling alone share their state.
package filter
