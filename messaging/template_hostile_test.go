package messaging_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

const canary = "canary-7f3a"

// vault is what a template must not reach into.
type vault struct {
	Secret string
	hidden string
}

func (vault) Reveal() string               { return canary }
func (*vault) Open() string                { return canary }
func (vault) ToLiquid() any                { return canary }
func (v vault) String() string             { return canary + v.hidden }
func (vault) Call(...any) string           { return canary }
func (vault) Error() string                { return canary }
func (vault) Interface() any               { return canary }
func (vault) MarshalText() ([]byte, error) { return []byte(canary), nil }

// hostileExpressions try to get at files, the environment, Go values behind the
// data, the inside of the engine and other templates.
func hostileExpressions(file string) []string {
	expressions := []string{
		"secret", "secret.Secret", "secret.hidden", "secret.Reveal", "secret.Open", "secret.String", "secret.Call",
		"secret['Secret']", "secret[0]", "secret.ToLiquid", "secret.Error", "secret.size", "secret.first",
		"pointer", "pointer.Secret", "pointer.Open", "fn", "fn.Call", "channel", "bytes", "bytes[0]", "errorvalue", "nested.secret",
		"nested.secret.Secret", "nested['secret'].Reveal", "list.first", "list.last.Secret", "list[0].Reveal", "typed.a", "structs[0].Secret",
		"__proto__", "constructor", "plain.__proto__", "plain.constructor.prototype", "plain['__class__']", "self", "this", "_context",
		"ENV", "env.ENGAGE_CANARY", "env['ENGAGE_CANARY']", "process.env.ENGAGE_CANARY", "os.environ", "settings.secret_key",
		"forloop", "forloop.cycles", "forloop['.cycles']", "plain['']", "plain[nil]", "plain[plain]", "plain[list]", "[0]", "plain..secret",
		"(1..3)", "(1..secret)", "(1..3).AsArray", "(1..3).Len", "plain.Interface", "plain.m", "plain.fields", "text.m", "text.s", "text.read",
		"text.Interface", "when.Location", "when.GobEncode", "when.Unix", "number.String", "plain | type", "plain | inspect", "secret | inspect",
		"'" + file + "' | read_file", "'" + file + "' | include", "'ENGAGE_CANARY' | env", "'ENGAGE_CANARY' | getenv", "file | import", "'x' | eval",
		"'{{ secret }}' | render", "'http://127.0.0.1/' | fetch", "'http://127.0.0.1/' | img_url", "secret | json", "nested | json", "list | join",
		"list | map: 'Secret'", "list | map: 'Reveal'", "list | sort", "list | uniq", "list | where: 'Secret'", "structs | map: 'Secret'", "typed | json",
		"plain | map: 'Reveal'", "secret | append: 'x'", "'x' | append: secret", "secret | default: 'x'", "nothing | default: secret", "list | concat: list",
		"secret == secret", "secret contains 'c'", "list contains secret", "secret < secret", "%assign x = secret", "{%when secret", "%loop x in secret",
		"secret;", "secret}}{{secret", "secret | date: '%Y'", "'%1000000000d' | date", "secret | slice: 0, 9", "secret | size", "secret | split: ''",
		"fn | json", "channel | json", "pointer | json", "bytes | join", "errorvalue | upcase", "nested.list | first", "nested.fn", "nested.list[0].Open",
	}
	return expressions
}

// hostileTemplates puts each expression where a template takes one, and adds tags
// that reach out of it.
func hostileTemplates(file string) []string {
	var sources []string
	for _, e := range hostileExpressions(file) {
		sources = append(
			sources, "{{ "+e+" }}", "{% if "+e+" %}{{ "+e+" }}{% else %}no{% endif %}", "{% assign x = "+e+" %}{{ x }}{{ x.Secret }}",
			"{% for i in "+e+" %}{{ i }}{{ i.Secret }}{{ forloop.index }}{% endfor %}", "{% capture x %}{{ "+e+" }}{% endcapture %}{{ x }}",
			"{% case "+e+" %}{% when "+e+" %}{{ "+e+" | json }}{% endcase %}",
		)
	}
	for _, tag := range []string{
		"include", "render", "liquid", "import", "extends", "layout", "section", "block", "raw", "cycle", "tablerow", "increment", "decrement",
		"echo", "style", "javascript", "schema", "paginate", "form", "ifchanged", "load", "debug", "exec", "env", "macro", "autoescape", "include_relative",
	} {
		for _, args := range []string{"", " '" + file + "'", " '../" + filepath.Base(file) + "'", " secret", " file with secret"} {
			sources = append(sources, "{% "+tag+args+" %}", "{% "+tag+args+" %}{{ secret }}{% end"+tag+" %}")
		}
	}
	return sources
}

func TestNoTemplateReachesOutOfItsData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "canary.txt")
	if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ENGAGE_CANARY", canary)
	v := vault{Secret: canary, hidden: canary}
	data := templateData()
	for name, value := range map[string]any{
		"secret": v, "pointer": &v, "fn": func() string { return canary }, "channel": make(chan string), "bytes": []byte(canary),
		"errorvalue": errors.New(canary), "nested": map[string]any{"secret": v, "fn": v.Reveal, "list": []any{&v}},
		"list": []any{v, &v}, "typed": map[string]vault{"a": v}, "structs": []vault{v}, "file": file,
		"plain": map[string]any{"a": 1}, "text": "text",
	} {
		data[name] = value
	}
	sources := hostileTemplates(file)
	if len(sources) < 500 {
		t.Fatalf("%d hostile templates, want 500", len(sources))
	}
	refused, failed, harmless := 0, 0, 0
	for _, source := range sources {
		for _, template := range []messaging.Template{{HTML: source, Missing: messaging.MissingIsEmpty}, {Subject: source, Text: source, Missing: messaging.MissingIsEmpty}} {
			compiled, err := template.Compile()
			if err != nil {
				refused++
				if !errors.Is(err, engage.ErrInvalid) || strings.Contains(err.Error(), canary) {
					t.Errorf("%s: %v", source, err)
				}
				continue
			}
			got, err := compiled.Render(data)
			if err != nil {
				failed++
				if !errors.Is(err, engage.ErrInvalid) || strings.Contains(err.Error(), canary) {
					t.Errorf("%s: %v", source, err)
				}
			} else {
				harmless++
			}
			if strings.Contains(fmt.Sprint(got), canary) {
				t.Errorf("%s reached the canary: %+v", source, got)
			}
		}
	}
	t.Logf("%d templates, each as HTML and as text: %d did not compile, %d failed, %d printed nothing of value", len(sources), refused, failed, harmless)
}

// bomb is a template and data that would cost much.
type bomb struct {
	name, source string
	data         map[string]any
}

func bombs() []bomb {
	items := make([]any, messaging.MaxListItems)
	for i := range items {
		items[i] = fmt.Sprintf("item %d", i)
	}
	tooMany := append([]any{"one more"}, items...)
	text := strings.Repeat("a", messaging.MaxOutputBytes)
	cyclic := map[string]any{"text": "x"}
	cyclic["self"] = cyclic
	loop := []any{nil, "x"}
	loop[0] = loop
	deep := any("x")
	for range 10_000 {
		deep = []any{deep, deep}
	}
	deepMap := any("x")
	for range 10_000 {
		deepMap = map[string]any{"a": deepMap, "b": deepMap}
	}
	data := map[string]any{
		"items": items, "tooMany": tooMany, "text": text, "cyclic": cyclic, "loop": loop, "deep": deep, "deepMap": deepMap,
		"lines": strings.Repeat("\n", messaging.MaxOutputBytes), "quotes": strings.Repeat("'", messaging.MaxOutputBytes),
		"twice": text + text, "matrix": []any{items, items, items}, "spaces": strings.Repeat("a ", messaging.MaxOutputBytes/2),
	}
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	var list []bomb
	add := func(name, format string, args ...any) {
		list = append(list, bomb{name: name, source: fmt.Sprintf(format, args...), data: data})
	}
	// Loops inside loops, with bodies that cost something each turn.
	bodies := []string{
		"", "x", "{{ i }}", "{{ text }}", "{% if i == j %}x{% endif %}", "{{ i | upcase }}", "{{ text | size }}", "{% assign x = i %}",
		"{% if text contains 'b' %}x{% endif %}", "{% if items contains text %}x{% endif %}", "{% capture x %}{{ i }}{% endcapture %}",
		"{{ items | sort | first }}", "{{ items | join | size }}", "{% if text == twice %}x{% endif %}", "{{ items | uniq | size }}",
		"{{ items | json | size }}", "{{ text | replace: 'a', 'b' | size }}", "{{ text | split: '' | size }}", "{% if matrix contains items %}x{% endif %}",
		"{{ spaces | truncatewords: 5 }}", "{% case text %}{% when twice, text %}{% endcase %}", "{{ spaces | strip_html | size }}",
		"{% comment %}x{% endcomment %}", "{{ '2026-01-01' | date }}", "{{ 1 | plus: 1 | times: 3 }}", "{{ deep.first.first.first | size }}",
	}
	for b, body := range bodies {
		for _, n := range []int{1, 3} {
			add(fmt.Sprintf("%d loops, body %d", n, b), "%s", nest("{% for i in items %}", body, "{% endfor %}", n))
		}
	}
	// Strings and lists that grow by themselves.
	for f, filter := range []string{
		"append: x", "prepend: x", "concat: x", "append: x | append: x", "replace: 'a', x", "replace: '', x", "split: '' | join: x", "newline_to_br",
		"escape", "url_encode", "json", "json | json", "upcase | append: x", "join: x", "map: 'a' | concat: x", "replace: 'a', 'bbbbbbbbbbbbbbbbbbbb'",
		"times: x", "times: 99999999999", "reverse | concat: x", "sort | concat: x | uniq", "split: 'a' | join: 'aa'", "slice: 0, 99999999 | append: x",
	} {
		for s, start := range []string{"'ab'", "text", "items", "cyclic", "deep", "9"} {
			add(fmt.Sprintf("growth %d from %d", f, s), "{%% assign x = %s %%}%s{{ x }}", start, strings.Repeat("{% assign x = x | "+filter+" %}", 200))
		}
	}
	// Size and depth of the source.
	for name, source := range map[string]string{
		"source": strings.Repeat("x", messaging.MaxTemplateBytes+1), "nodes": strings.Repeat("{{a}}", messaging.MaxTemplateBytes/5),
		"blocks": nest("{% if ok %}", "x", "{% endif %}", messaging.MaxTemplateDepth+1),
		"loops":  nest("{% for a in b %}", "x", "{% endfor %}", messaging.MaxTemplateDepth+1),
		"open":   strings.Repeat("{% if ok %}", 20_000), "braces": strings.Repeat("{", 200_000), "closing": strings.Repeat("}}", 100_000),
		"half": strings.Repeat("{{ a ", 40_000), "tags": strings.Repeat("{%", 100_000), "captures": nest("{% capture x %}", "y", "{% endcapture %}", 60),
		"parens": "{{ " + nest("(", "a", ")", 900) + " }}", "brackets": "{{ " + nest("a[", "0", "]", 600) + " }}", "fields": "{{ a" + strings.Repeat(".a", 1000) + " }}",
		"filters": "{{ text" + strings.Repeat(" | upcase", 220) + " }}", "long": "{{ '" + strings.Repeat("x", messaging.MaxExpressionBytes) + "' }}",
		"ands": "{% if a" + strings.Repeat(" and a", 300) + " %}{% endif %}", "whens": "{% case a %}{% when 1" + strings.Repeat(", 1", 600) + " %}{% endcase %}",
		"ranges": "{% for i in (1..1000000000) %}x{% endfor %}", "a range's array": "{{ (1..1000000000).AsArray | size }}",
		"elsifs": "{% if no %}" + strings.Repeat("{% elsif text contains 'b' %}", 8_000) + "{% endif %}",
		"joins":  strings.Repeat("{{ items | join: text }}", 9_000), "sorts": strings.Repeat("{{ items | sort | first }}", 9_000),
		"texts": strings.Repeat("{{ text }}", 9_000), "cycles": "{{ cyclic | json }}{{ loop }}{{ cyclic }}", "depth": "{{ deep }}{{ deepMap }}",
		"lists": "{% for i in tooMany %}x{% endfor %}", "long text": "{{ twice }}", "lines": "{{ lines | newline_to_br }}", "quotes": "{{ quotes }}",
		"holds": "{% capture a %}{{ text }}{% endcapture %}" + strings.Repeat("{% capture a %}{{ a }}{{ a }}{% endcapture %}", 500) + "{{ a }}",
		"keeps": manyCaptures(), "widths": "{{ '2026-01-01' | date: '%1000000000d' }}", "places": "{{ 1 | round: 999999999 }}",
		"regular": "{{ text | truncate: 999999999 }}{{ text | truncatewords: 999999999 }}", "numbers": "{{ 1" + strings.Repeat(" | times: 1e300", 100) + " }}",
	} {
		list = append(list, bomb{name: name, source: source, data: data})
	}
	return list
}

// manyCaptures keeps a full output in each of many variables.
func manyCaptures() string {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "{%% assign v%d = text | append: %d %%}", i, i)
	}
	return b.String()
}

// maxBombBytes is what one rendering may allocate in all, freed or not.
const maxBombBytes = 32 << 20

// allocatedBy is what run allocates at the least of a few times: a collection,
// or the race detector, empties the pools that encoding/json writes into, and
// that is not the template's doing.
func allocatedBy(run func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= maxBombBytes/2 {
			break
		}
	}
	return least
}

//nolint:paralleltest // it counts the allocations of the process
func TestNoBombCostsMoreThanItsSteps(t *testing.T) {
	all := bombs()
	if len(all) < 200 {
		t.Fatalf("%d bombs, want 200", len(all))
	}
	neighbour, err := messaging.Template{Subject: "{{ n }}"}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	refused, stopped, finished, most := 0, 0, 0, uint64(0)
	for i, b := range all {
		template := messaging.Template{HTML: b.source, Missing: messaging.MissingIsEmpty}
		if i%2 == 1 {
			template = messaging.Template{Text: b.source, Missing: messaging.MissingIsEmpty}
		}
		compiled, err := template.Compile()
		if err != nil {
			refused++
			if !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%s: %v", b.name, err)
			}
			continue
		}
		got, err := compiled.Render(b.data)
		allocated := allocatedBy(func() { _, _ = compiled.Render(b.data) })
		if most = max(most, allocated); allocated > maxBombBytes {
			t.Errorf("%s: %d bytes allocated, want at most %d", b.name, allocated, maxBombBytes)
		}
		switch {
		case err == nil:
			finished++
			if len(got.HTML) > messaging.MaxOutputBytes || len(got.Text) > messaging.MaxOutputBytes {
				t.Errorf("%s: %d bytes of output", b.name, len(got.HTML)+len(got.Text))
			}
		case errors.Is(err, engage.ErrInvalid):
			stopped++
		default:
			t.Errorf("%s: %v", b.name, err)
		}
		if got, err := neighbour.Render(map[string]any{"n": i}); err != nil || got.Subject != fmt.Sprint(i) {
			t.Errorf("after %s the neighbour: %q, %v", b.name, got.Subject, err)
		}
	}
	t.Logf("%d bombs: %d did not compile, %d were stopped, %d finished within their limits; one allocated %d bytes at most", len(all), refused, stopped, finished, most)
}
