package messaging

import (
	"errors"
	"fmt"
	"html"
	"strings"

	"github.com/osteele/liquid/expressions"

	"github.com/go-engage/engage"
)

// What a step buys. MaxSteps steps are at most 16 MB of strings made, and a few
// hundred milliseconds on a slow core.
const (
	stepsPerNode       = 2
	stepsPerExpression = 4
	stepsPerTurn       = 6  // of a loop
	stepsPerFilter     = 25 // a call through reflection
	stepsPerItem       = 4  // an item of a list that is made
	bytesMadePerStep   = 16
	bytesReadPerStep   = 64
)

// machine runs compiled templates, one rendering at a time. It counts every step.
type machine struct {
	config expressions.Config // with the filters bound to this machine

	steps  int
	policy MissingPolicy
	holes  engage.Faults // variables without a value

	part  part
	scope map[string]any
	eval  expressions.Context // over scope
	out   *output
}

// output collects what is printed, up to MaxOutputBytes.
type output struct{ strings.Builder }

// halt is how a rendering ends early, from any depth of the library's calls. It is
// no error type, so that none of them takes it for one of its own.
type halt struct{ err error }

func newMachine() *machine {
	m := &machine{config: expressions.NewConfig()}
	for name, fn := range filters {
		m.config.AddFilter(name, func(value any, args ...any) (any, error) {
			m.charge(stepsPerFilter)
			if value == nil && name != "default" {
				return nil, nil // so that a missing value stays missing
			}
			result, err := fn(m, value, args)
			if err != nil {
				return nil, err
			}
			return m.made(result), nil
		})
	}
	return m
}

func (m *machine) start(policy MissingPolicy) {
	m.steps, m.policy, m.holes = MaxSteps, policy, nil
}

// charge takes steps off what is left and stops the rendering when nothing is.
func (m *machine) charge(steps int) {
	if m.steps -= steps; m.steps < 0 {
		m.stop("too_much_work", "more than %d steps", MaxSteps)
	}
}

func (m *machine) stop(code, format string, args ...any) {
	panic(halt{&engage.Error{
		Code: engage.Invalid, Op: "messaging.Render", Err: ErrTemplateLimit,
		Fields: []engage.FieldError{{Path: m.part.name, Code: code, Message: fmt.Sprintf(format, args...)}},
	}})
}

// run renders one part. Nothing that a template or its data does comes out as a
// panic.
func (m *machine) run(p part, data map[string]any) (text string, err error) {
	defer func() {
		m.scope, m.eval, m.out = nil, nil, nil // the pool keeps no tenant's data
		switch p := recover().(type) {
		case nil:
		case halt:
			err = p.err
		default:
			err = engage.PanicError("messaging.Render", p)
		}
	}()
	m.part, m.out = p, &output{}
	m.scope = make(map[string]any, len(p.reads))
	for _, name := range p.reads {
		m.scope[name] = m.bind(name, data[name])
	}
	m.eval = expressions.NewContext(m.scope, m.config)
	m.block(p.body)
	return m.out.String(), nil
}

// missed answers the variables that had no value, all of them at once.
func (m *machine) missed() error {
	if len(m.holes) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.Invalid, Op: "messaging.Render", Fields: m.holes, Err: ErrMissingVariable}
}

// maxHoles is how many of them an error lists.
const maxHoles = 20

func (m *machine) missing(e *expression) {
	if m.policy == MissingFails && len(m.holes) < maxHoles {
		m.holes.Add(m.part.name, "missing_variable", "line %d: %.80s has no value", e.line, e.source)
	}
}

// fail ends the rendering because of what the template does with its data.
func (m *machine) fail(e *expression, err error) {
	m.refuse("line %d: %.80s: %.200s", e.line, e.source, err)
}

func (m *machine) refuse(format string, args ...any) {
	panic(halt{&engage.Error{
		Code: engage.Invalid, Op: "messaging.Render",
		Fields: []engage.FieldError{{Path: m.part.name, Code: "invalid", Message: fmt.Sprintf(format, args...)}},
	}})
}

func (m *machine) value(e *expression) any {
	m.charge(stepsPerExpression)
	v, err := e.eval.Evaluate(m.eval)
	if err != nil {
		m.fail(e, err)
	}
	return v
}

func (m *machine) truth(e *expression) bool {
	v := m.value(e)
	return v != nil && v != false
}

func (m *machine) set(name string, value any) { m.scope[name] = m.bind(name, value) }

// print writes what is the template's own; show what comes from data, escaped for
// the part.
func (m *machine) print(s string) {
	if m.out.Len()+len(s) > MaxOutputBytes {
		m.stop("too_long", "more than %d bytes of output", MaxOutputBytes)
	}
	m.charge(len(s) / bytesMadePerStep)
	m.out.WriteString(s)
}

func (m *machine) show(v any) {
	if markup, ok := v.(markup); ok && m.part.html {
		m.print(markup.html)
		return
	}
	text := m.text(v)
	if m.part.html {
		text = html.EscapeString(text)
	}
	m.print(text)
}

// flow says how a block ended.
type flow uint8

const (
	flowOn flow = iota
	flowBreak
	flowContinue
)

// node is a compiled piece of a template.
type node interface{ run(m *machine) flow }

func (m *machine) block(nodes []node) flow {
	for _, n := range nodes {
		m.charge(stepsPerNode)
		if f := n.run(m); f != flowOn {
			return f
		}
	}
	return flowOn
}

type textNode string

func (n textNode) run(m *machine) flow {
	m.print(string(n))
	return flowOn
}

type printNode struct{ value *expression }

func (n *printNode) run(m *machine) flow {
	v := m.value(n.value)
	if v == nil {
		m.missing(n.value)
		return flowOn
	}
	m.show(v)
	return flowOn
}

type flowNode flow

func (n flowNode) run(*machine) flow { return flow(n) }

type assignNode struct {
	name  string
	value *expression
}

func (n *assignNode) run(m *machine) flow {
	m.set(n.name, m.value(n.value))
	return flowOn
}

type captureNode struct {
	name string
	body []node
}

func (n *captureNode) run(m *machine) flow {
	outer := m.out
	m.out = &output{}
	f := m.block(n.body)
	captured := m.out.String()
	m.out = outer
	if m.part.html {
		// It was escaped as it was written.
		m.scope[n.name] = markup{m: m, html: captured}
	} else {
		m.set(n.name, captured)
	}
	return f
}

type branch struct {
	test   *expression // nil: else
	negate bool
	body   []node
}

type ifNode struct{ branches []branch }

func (n *ifNode) run(m *machine) flow {
	for _, b := range n.branches {
		if b.test == nil || m.truth(b.test) != b.negate {
			return m.block(b.body)
		}
	}
	return flowOn
}

type when struct {
	values []*expression
	isElse bool
	body   []node
}

type caseNode struct {
	subject *expression
	whens   []when
}

func (n *caseNode) run(m *machine) flow {
	subject := m.value(n.subject)
	for _, w := range n.whens {
		if w.isElse {
			return m.block(w.body)
		}
		for _, value := range w.values {
			if m.equal(subject, m.value(value)) {
				return m.block(w.body)
			}
		}
	}
	return flowOn
}

type forNode struct {
	name                string
	list, limit, offset *expression
	reversed            bool
	body, empty         []node
}

func (n *forNode) run(m *machine) flow {
	items := m.items(m.value(n.list), n.list)
	skip := min(m.count(n.offset, 0), len(items))
	items = items[skip:]
	items = items[:min(m.count(n.limit, len(items)), len(items))]
	if len(items) == 0 {
		return m.block(n.empty)
	}
	outerItem, outerLoop := m.scope[n.name], m.scope["forloop"]
	defer func() { m.scope[n.name], m.scope["forloop"] = outerItem, outerLoop }()
	turn := &forloop{length: len(items)}
	m.scope["forloop"] = turn
	for turn.index = range items {
		m.charge(stepsPerTurn)
		at := turn.index
		if n.reversed {
			at = len(items) - 1 - at
		}
		m.set(n.name, items[at])
		if m.block(n.body) == flowBreak {
			break
		}
	}
	return flowOn
}

// items are what a loop goes through: the items of a list, or the pairs of a map
// in the order of their keys.
func (m *machine) items(v any, e *expression) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case list:
		m.bound(len(v.items))
		return v.items
	case dict:
		m.bound(len(v.fields))
		items := make([]any, 0, len(v.fields))
		for _, key := range v.keys() {
			items = append(items, []any{key, v.fields[key]})
		}
		return items
	}
	m.fail(e, fmt.Errorf("%s is no list", kindOf(v)))
	return nil
}

func (m *machine) count(e *expression, absent int) int {
	if e == nil {
		return absent
	}
	n, ok := m.value(e).(int)
	if !ok || n < 0 {
		m.fail(e, errors.New("limit and offset are whole numbers of 0 or more"))
	}
	return n
}

// bound refuses lists that are too long to go through or to make.
func (m *machine) bound(items int) {
	if items > MaxListItems {
		m.stop("too_long", "a list of %d items, at most %d", items, MaxListItems)
	}
}
