package plans

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// Meter is what is counted, as "messages.email" or "contacts".
type Meter string

// String is the meter's word.
func (m Meter) String() string { return string(m) }

// Span says when a counter begins anew.
type Span string

// The spans of limits.
const (
	Monthly Span = "month" // with each period of the subscription
	Total   Span = "total" // never: what there is rather than what happens
)

// String is the span's word.
func (s Span) String() string { return string(s) }

// Unlimited is the allowance of a meter without a limit. It is counted all the
// same.
const Unlimited int64 = -1

// Limit is what a plan includes of a meter.
type Limit struct {
	Meter    Meter
	Included int64 // 0 to MaxAmount, or Unlimited
	Soft     bool  // what goes beyond is counted, and no longer refused
	Span     Span  // the same in every plan; "": Monthly
}

// Plan is what an organization may subscribe to. Plans that are no longer sold
// stay in the configuration while somebody has them.
type Plan struct {
	ID     string // as "pro-2026"
	Name   string
	Limits []Limit // one for each meter that any plan has
}

// Limit answers what the plan includes of a meter.
func (p Plan) Limit(meter Meter) (Limit, bool) {
	i := slices.IndexFunc(p.Limits, func(l Limit) bool { return l.Meter == meter })
	if i < 0 {
		return Limit{}, false
	}
	return p.Limits[i], true
}

func (p Plan) clone() Plan {
	p.Limits = slices.Clone(p.Limits)
	return p
}

// thresholds are the shares of an allowance, in percent, whose crossing is told.
// They are told once a period, the lower ones first.
var thresholds = [...]int{80, 100}

// threshold is the count at which a share of the allowance is used.
func (l Limit) threshold(percent int) int64 { return (l.Included*int64(percent) + 99) / 100 }

// catalogue checks the plans and answers copies with their defaults. A meter that
// a plan forgets would be either free or closed by accident, so each plan says
// something of each; and a meter whose span differed would lose its counter when
// the plan changes.
func catalogue(faults *engage.Faults, plans []Plan) []Plan {
	switch n := len(plans); {
	case n == 0:
		faults.Add("plans", "required", "there is no plan to subscribe to")
	case n > MaxPlans:
		faults.Add("plans", "too_many", "%d, at most %d", n, MaxPlans)
	}
	spans := map[Meter]Span{}
	out := make([]Plan, len(plans))
	for i, given := range plans {
		p, at := given.clone(), fmt.Sprintf("plans[%d]", i)
		checkWord(faults, at+".id", p.ID)
		if slices.ContainsFunc(plans[:i], func(other Plan) bool { return other.ID == p.ID }) {
			faults.Add(at+".id", "duplicate", "%.64q is another plan, too", p.ID)
		}
		if !utf8.ValidString(p.Name) || len(p.Name) > engage.MaxKeyBytes {
			faults.Add(at+".name", "invalid", "want at most %d bytes of UTF-8", engage.MaxKeyBytes)
		}
		for j := range p.Limits {
			checkLimit(faults, fmt.Sprintf("%s.limits[%d]", at, j), p.Limits[:j], &p.Limits[j], spans)
		}
		out[i] = p
	}
	if len(spans) > MaxMeters {
		faults.Add("plans", "too_many", "%d meters, at most %d", len(spans), MaxMeters)
	}
	for i, p := range out {
		if missing := len(spans) - len(p.Limits); missing > 0 {
			faults.Add(fmt.Sprintf("plans[%d].limits", i), "required", "says nothing of %d of the meters that other plans have", missing)
		}
	}
	return out
}

func checkLimit(faults *engage.Faults, at string, before []Limit, l *Limit, spans map[Meter]Span) {
	checkWord(faults, at+".meter", string(l.Meter))
	if slices.ContainsFunc(before, func(other Limit) bool { return other.Meter == l.Meter }) {
		faults.Add(at+".meter", "duplicate", "%.64q has another limit, too", string(l.Meter))
	}
	if l.Included != Unlimited && (l.Included < 0 || l.Included > MaxAmount) {
		faults.Add(at+".included", "out_of_range", "%d, want 0 to %d or Unlimited", l.Included, MaxAmount)
	}
	if l.Span == "" {
		l.Span = Monthly
	}
	if l.Span != Monthly && l.Span != Total {
		faults.Add(at+".span", "unknown", "%.20q is no span", string(l.Span))
	}
	if known, ok := spans[l.Meter]; ok && known != l.Span {
		faults.Add(at+".span", "mismatch", "another plan counts %.64q by %s", string(l.Meter), known)
	}
	spans[l.Meter] = l.Span
}

// checkWord checks that a plan's id or a meter is lower-case letters, digits, and
// signs between them.
func checkWord(faults *engage.Faults, path, word string) {
	switch {
	case word == "":
		faults.Add(path, "required", "it has no word")
	case len(word) > MaxWordBytes:
		faults.Add(path, "too_long", "%d bytes, at most %d", len(word), MaxWordBytes)
	case strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || strings.Trim(word, "._-") != word:
		faults.Add(path, "invalid", "%.70q: want lower-case letters and digits, joined by . _ or -", word)
	}
}
