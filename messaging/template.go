package messaging

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-engage/engage"
)

// Limits of a template and of one rendering. They are what keeps one tenant's
// template from costing another tenant time or memory; reaching one is an error
// of that rendering alone.
const (
	MaxTemplateBytes   = 256 << 10 // source of a part
	MaxExpressionBytes = 2 << 10   // between {{ and }}, or of a tag
	MaxTemplateDepth   = 50        // blocks inside blocks, brackets inside brackets
	MaxTemplateNodes   = 20_000    // texts, outputs and tags of a part
	MaxOutputBytes     = 1 << 20   // output of a part, and any single string
	MaxListItems       = 10_000    // items of a list that a template goes through or makes
	MaxSteps           = 1_000_000 // of the three parts together; see Compiled.Render
)

var (
	// ErrMissingVariable is in the tree of an error of Render when a value that
	// is printed has none and no default.
	ErrMissingVariable = errors.New("a variable has no value")
	// ErrTemplateLimit is in the tree of an error of Render when a rendering was
	// stopped at a limit.
	ErrTemplateLimit = errors.New("a limit of templates was reached")
)

// MissingPolicy says what printing a variable without a value does. A value that
// was given a default with the filter of that name is not missing. Conditions and
// loops take a missing variable as false and as empty, whatever the policy.
type MissingPolicy uint8

// The policies. Neither ever sends the variable's name.
const (
	MissingFails   MissingPolicy = iota // the rendering fails with ErrMissingVariable
	MissingIsEmpty                      // nothing is printed
)

// String is the policy's name.
func (p MissingPolicy) String() string {
	switch p {
	case MissingFails:
		return "fails"
	case MissingIsEmpty:
		return "is_empty"
	}
	return "invalid"
}

// Template is what emails are written from. Its parts are Liquid:
//
//	{{ first_name | default: "there" }}
//	{% if plan == "gold" %}…{% elsif … %}…{% else %}…{% endif %}    and unless
//	{% case plan %}{% when "gold", "silver" %}…{% else %}…{% endcase %}
//	{% for item in cart %}{{ forloop.index }}. {{ item.name }}{% else %}…{% endfor %}
//	    with reversed, limit:, offset:, and break and continue inside
//	{% assign x = … %}, {% capture x %}…{% endcapture %}, {% comment %}…{% endcomment %}
//
// A dash inside a brace ({{- x -}}) takes the white space on that side away.
// There is no include, render, raw, cycle or tablerow, there are no ranges, and a
// template reads no file, environment or network.
type Template struct {
	Subject string
	HTML    string // what is printed into it is escaped
	Text    string
	Missing MissingPolicy
}

// Rendered is a template filled in for one recipient.
type Rendered struct {
	Subject string // on one line: every run of white space is one space
	HTML    string
	Text    string
}

// Compiled is a checked template, ready to render. It is immutable and safe for
// concurrent use; one is compiled for a whole campaign.
type Compiled struct {
	parts    [3]part
	missing  MissingPolicy
	machines *sync.Pool
}

// part is one text of a template: name for errors, body to run.
type part struct {
	name  string
	html  bool
	body  []node
	reads []string // every name that an expression starts from
	wants []string // those among them that only the data can give a value
}

// Compile checks all parts and answers ErrInvalid with every part's first fault
// and its line: a syntax error, an unknown tag or filter, a brace that is not
// closed, a limit. A template without any part is refused.
func (t Template) Compile() (*Compiled, error) {
	var faults engage.Faults
	if t.Missing > MissingIsEmpty {
		faults.Add("missing", "invalid", "unknown policy %d", t.Missing)
	}
	if t.Subject == "" && t.HTML == "" && t.Text == "" {
		faults.Add("html", "required", "a template needs a subject or a body")
	}
	c := &Compiled{missing: t.Missing, machines: &sync.Pool{New: func() any { return newMachine() }}}
	c.parts = [3]part{{name: "subject"}, {name: "html", html: true}, {name: "text"}}
	for i, source := range []string{t.Subject, t.HTML, t.Text} {
		if f := c.parts[i].compile(source); f != nil {
			faults.Add(c.parts[i].name, f.code, "line %d: %s", f.line, f.message)
		}
	}
	if err := faults.Err("messaging.Compile", "template"); err != nil {
		return nil, err
	}
	return c, nil
}

// Variables lists the names that the template reads from its data, sorted:
// "order" for {{ order.total }}. It is what an editor offers and a check before a
// campaign compares with the data at hand. Names that the template sets itself
// are left out.
func (c *Compiled) Variables() []string {
	var names []string
	for _, p := range c.parts {
		names = append(names, p.wants...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Render fills the template in. Data is plain: nil, bool, string, numbers,
// json.Number, time.Time (which prints as RFC 3339), []any, []string,
// map[string]any and map[string]string, at any depth. It is only read, and may be
// shared between calls. Values of other types answer ErrInvalid when the template
// touches them; a program's structs, methods and functions are out of a
// template's reach.
//
// In HTML, the five characters & < > " ' of whatever is printed are escaped, so
// values are safe between tags and within quoted attributes. They are not safe in
// <script>, <style>, unquoted attributes, or as the scheme of a link. A template's
// own text is sent as it is.
//
// A rendering has MaxSteps steps. A node, a loop's turn and a variable cost one or
// two, a filter ten, and strings one for every 16 bytes made and every 64 looked
// at: about 16 MB made, whatever the template. Reaching a limit answers an error
// with ErrTemplateLimit in its tree, a missing value one with ErrMissingVariable;
// both are ErrInvalid, as are wrong types, and concern this recipient alone.
func (c *Compiled) Render(data map[string]any) (Rendered, error) {
	m, _ := c.machines.Get().(*machine)
	defer c.machines.Put(m)
	m.start(c.missing)
	var out [3]string
	for i, p := range c.parts {
		text, err := m.run(p, data)
		if err != nil {
			return Rendered{}, err
		}
		out[i] = text
	}
	if err := m.missed(); err != nil {
		return Rendered{}, err
	}
	return Rendered{Subject: oneLine(out[0]), HTML: out[1], Text: out[2]}, nil
}

// oneLine makes a header's value of a rendered subject: control characters, which
// Email.Validate refuses, count as white space, and each run of it is one space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return r == ' ' || isControl(r)
	}), " ")
}

// fault is what is wrong with a source.
type fault struct {
	line    int
	code    string
	message string
}

func faultAt(line int, code, format string, args ...any) *fault {
	return &fault{line: line, code: code, message: fmt.Sprintf(format, args...)}
}
