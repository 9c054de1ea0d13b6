package messaging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// renderText renders a source as the text part.
func renderText(source string, data map[string]any) (string, error) {
	compiled, err := messaging.Template{Text: source, Missing: messaging.MissingIsEmpty}.Compile()
	if err != nil {
		return "", err
	}
	rendered, err := compiled.Render(data)
	return rendered.Text, err
}

func renderHTML(source string, data map[string]any) (string, error) {
	compiled, err := messaging.Template{HTML: source, Missing: messaging.MissingIsEmpty}.Compile()
	if err != nil {
		return "", err
	}
	rendered, err := compiled.Render(data)
	return rendered.HTML, err
}

func templateData() map[string]any {
	return map[string]any{
		"name": "Ada <b>", "plan": "gold", "age": 36, "total": 19.9, "ok": true, "no": false, "nothing": nil,
		"when": time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		"big":  json.Number("9007199254740993"),
		"tags": []string{"b", "a", "b"},
		"cart": []any{
			map[string]any{"name": "Tea", "price": 3, "gift": true},
			map[string]any{"name": "Pot & lid", "price": 20.5},
		},
		"address": map[string]any{"city": "Zürich", "lines": []any{"x", "y"}},
		"note":    "one\ntwo <i>",
	}
}

func TestTemplatesPrint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, want string }{
		{"text as it is", "a } }} %} b", "a } }} %} b"},
		{"a variable", "Hi {{ name }}!", "Hi Ada <b>!"},
		{"a field", "{{ address.city }}/{{ address['city'] }}", "Zürich/Zürich"},
		{"an item", "{{ cart[0].name }} {{ cart[-1].price }} {{ cart.first.name }} {{ cart.size }}", "Tea 20.5 Tea 2"},
		{"numbers exactly", "{{ age }} {{ total }} {{ big }}", "36 19.9 9007199254740993"},
		{"truth", "{{ ok }} {{ age < 18 }} {{ plan == 'gold' and ok }}", "true false true"},
		{"an instant", "{{ when }}", "2026-03-04T05:06:07Z"},
		{"a list", "{{ tags }}", "bab"},
		{"a map as JSON", "{{ address }}", `{"city":"Zürich","lines":["x","y"]}`},
		{"nothing for what is missing", "[{{ nothing }}{{ unknown.field[3] }}]", "[]"},
		{"a default", "{{ unknown | default: 'there' }} {{ name | default: 'x' }} {{ no | default: 1 }}", "there Ada <b> 1"},
		{"without white space beside dashes", "a \n {{- age -}} \n b {%- if ok -%} c {%- else -%} d {%- endif -%} e", "a36bce"},
		{"if", "{% if plan == 'free' %}f{% elsif plan contains 'ol' %}g{% else %}e{% endif %}", "g"},
		{"unless", "{% unless no %}yes{% else %}no{% endunless %}", "yes"},
		{"case", "{% case plan %} {% when 'free', 'trial' %}1{% when 'gold' %}2{% else %}3{% endcase %}", "2"},
		{"case else", "{% case age %}{% when 1 %}1{% else %}3{% endcase %}", "3"},
		{"for", "{% for i in cart %}{{ forloop.index }}/{{ forloop.length }} {{ i.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "1/2 Tea, 2/2 Pot & lid"},
		{"for with limits", "{% for t in tags reversed limit: 2 offset: 1 %}{{ t }}{% endfor %}", "ba"},
		{"for over nothing", "{% for t in unknown %}x{% else %}none{% endfor %}", "none"},
		{"for over a map", "{% for p in address %}{{ p[0] }}={{ p[1] | json }};{% endfor %}", `city="Zürich";lines=["x","y"];`},
		{"break and continue", "{% for t in tags %}{% if t == 'a' %}{% continue %}{% endif %}{{ t }}{% if forloop.last %}{% break %}{% endif %}{% endfor %}", "bb"},
		{"nested loops", "{% for c in cart %}{% for t in tags %}{{ t }}{{ forloop.index0 }}{% endfor %}{{ forloop.rindex }} {% endfor %}", "b0a1b22 b0a1b21 "},
		{"a loop's variable afterwards", "{% for name in tags %}{% endfor %}{{ name }}", "Ada <b>"},
		{"assign", "{% assign name = name | upcase %}{{ name }}", "ADA <B>"},
		{"assign in a branch", "{% if no %}{% assign plan = 'x' %}{% endif %}{{ plan }}", "gold"},
		{"capture", "{% capture x %}{{ age }}!{% endcapture %}{{ x }}{{ x | size }}", "36!3"},
		{"comment", "a{% comment %}{{ x }{% if %}{% endcomment %}b", "ab"},
		{"json", "{{ cart | map: 'gift' | json }}", "[true,null]"},
		{"where", "{{ cart | where: 'name', 'Tea' | map: 'price' | first }} {{ cart | where: 'gift' | size }}", "3 1"},
		{"lists", "{{ tags | sort | join: '-' }} {{ tags | uniq | join }} {{ tags | reverse | last }} {{ tags | concat: tags | size }}", "a-b-b b a b 6"},
		{"compact", "{{ cart | map: 'gift' | compact | size }}", "1"},
		{"split", "{{ 'a,b,,c' | split: ',' | size }} {{ ' a  b ' | split: ' ' | join: '|' }}", "4 a|b"},
		{"strings", "{{ plan | upcase | append: '!' | prepend: '<' }} {{ 'élan' | capitalize }} {{ '  x ' | strip }}", "<GOLD! Élan x"},
		{"cutting", "{{ 'Zürich am See' | truncate: 9 }} {{ 'a b c d' | truncatewords: 2 }} {{ 'Zürich' | slice: 1, 3 }} {{ 'Zürich' | slice: -2, 2 }}", "Zürich... a b... üri ch"},
		{"replacing", "{{ 'a-b-c' | replace: '-', '+' | replace_first: '+', ' ' | remove: 'c' }}", "a b+"},
		{"HTML to text", "{{ '<p>x &lt;</p>' | strip_html }} {{ name | escape }}", "x &lt; Ada &lt;b&gt;"},
		{"an encoded address", "https://x.test/?q={{ 'a b&c' | url_encode }}", "https://x.test/?q=a+b%26c"},
		{"arithmetic", "{{ age | plus: 4 | times: 2 | minus: 1 }} {{ 7 | divided_by: 2 }} {{ 7 | divided_by: 2.0 }} {{ 7 | modulo: 4 }} {{ '5' | plus: 1 }}", "79 3 3.5 3 6"},
		{"rounding", "{{ 2.5 | round }} {{ 2.345 | round: 2 }} {{ 2.1 | ceil }} {{ -2.1 | floor }} {{ -3 | abs }} {{ 5 | at_most: 3 }} {{ 5 | at_least: 7 }}", "3 2.35 3 -3 3 3 7"},
		{"a date", "{{ when | date: '%-d %B %Y, %H:%M' }} {{ '2026-01-09' | date: '%a %d.%m.%y' }} {{ when | date }}", "4 March 2026, 05:06 Fri 09.01.26 2026-03-04"},
		{"line breaks in text", "{{ note | newline_to_br }}", "one\ntwo <i>"},
		{"quotes in expressions", `{{ "it's | 100%" }}{{ ';..' }}`, "it's | 100%;.."},
		{"what looks like a template in the data", "{{ evil }}", "{{ name }}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := templateData()
			data["evil"] = "{{ name }}"
			got, err := renderText(c.source, data)
			if err != nil || got != c.want {
				t.Errorf("%s\n got %q, %v\nwant %q", c.source, got, err, c.want)
			}
		})
	}
}

func TestHTMLIsEscaped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, want string }{
		{"a value", `<a title="{{ name }}">{{ name }}</a>`, `<a title="Ada &lt;b&gt;">Ada &lt;b&gt;</a>`},
		{"quotes", `{{ "'" | append: '"' }}`, `&#39;&#34;`},
		{"after the filters, not before", "{{ name | upcase | truncate: 6 }}", "ADA..."},
		{"once", "{{ name | escape }} {{ name | escape | upcase }} {{ name | escape_once }}", "Ada &lt;b&gt; ADA &lt;B&gt; Ada &lt;b&gt;"},
		{"fields, items, maps", "{{ cart[1].name }} {{ cart | map: 'name' | join: '<' }} {{ address | json }}", "Pot &amp; lid Tea&lt;Pot &amp; lid {&#34;city&#34;:&#34;Zürich&#34;,&#34;lines&#34;:[&#34;x&#34;,&#34;y&#34;]}"},
		{"not what was captured", "{% capture x %}<b>{{ name }}</b>{% endcapture %}{{ x }}", "<b>Ada &lt;b&gt;</b>"},
		{"captured and changed is escaped again", "{% capture x %}<b>{{ name }}</b>{% endcapture %}{{ x | upcase }}", "&lt;B&gt;ADA &amp;LT;B&amp;GT;&lt;/B&gt;"},
		{"but for line breaks", "{{ note | newline_to_br }}", "one<br>\ntwo &lt;i&gt;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := renderHTML(c.source, templateData())
			if err != nil || got != c.want {
				t.Errorf("%s\n got %q, %v\nwant %q", c.source, got, err, c.want)
			}
		})
	}
}

func TestFaultyTemplatesDoNotCompile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source, code string }{
		{"an open brace", "a\n{{ name", "syntax"},
		{"an open tag", "{% if x", "syntax"},
		{"an expression over two lines", "{{ a\n| upcase }}", "syntax"},
		{"a missing end", "{% if x %}", "syntax"},
		{"an end too many", "{% endif %}", "syntax"},
		{"the wrong end", "{% for a in b %}{% endif %}", "syntax"},
		{"crossed blocks", "{% if a %}{% for b in c %}{% endif %}{% endfor %}", "syntax"},
		{"a stray else", "{% else %}", "syntax"},
		{"two elses", "{% if a %}{% else %}{% else %}{% endif %}", "syntax"},
		{"elsif after else", "{% if a %}{% else %}{% elsif b %}{% endif %}", "syntax"},
		{"else if in two words", "{% if a %}{% else if b %}{% endif %}", "syntax"},
		{"an open comment", "{% comment %} x", "syntax"},
		{"an empty output", "{{ }}", "syntax"},
		{"an empty condition", "{% if %}{% endif %}", "syntax"},
		{"an open quote", "{{ 'a }}", "syntax"},
		{"a filter without a name", "{{ a | }}", "syntax"},
		{"an unknown filter", "{{ a | frobnicate }}", "unknown_filter"},
		{"an unknown tag", "{% frobnicate %}", "unknown_tag"},
		{"text between case and when", "{% case a %}x{% when 1 %}{% endcase %}", "syntax"},
		{"break outside a loop", "{% break %}", "syntax"},
		{"a number that does not fit", "{{ 99999999999999999999999 }}", "syntax"},
		{"assign to no name", "{% assign 1x = 2 %}", "syntax"},
		{"assign of nothing", "{% assign x = %}", "syntax"},
		{"a loop without in", "{% for x of y %}{% endfor %}", "syntax"},
		{"an unknown loop modifier", "{% for x in y sideways %}{% endfor %}", "syntax"},
		{"columns", "{% for x in y cols: 2 %}{% endfor %}", "syntax"},
		{"signs from elsewhere", "{{ a ; b }}", "syntax"},
		{"NUL", "a\x00b", "control_character"},
		{"not UTF-8", "a\xffb", "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := messaging.Template{HTML: c.source}.Compile()
			fields := engage.FieldsOf(err)
			if !errors.Is(err, engage.ErrInvalid) || len(fields) != 1 || fields[0].Code != c.code || fields[0].Path != "html" {
				t.Errorf("%q: got %v, want %s", c.source, err, c.code)
			}
		})
	}
}

func TestEveryPartReportsItsFault(t *testing.T) {
	t.Parallel()
	_, err := messaging.Template{Subject: "{{", HTML: "\n\n{% x %}", Text: "{{ a | b }}", Missing: 9}.Compile()
	want := "messaging.Compile: template: invalid; missing: unknown policy 9; subject: line 1: {{ is not closed on its line; html: line 3: unknown tag \"x\"; and 1 more"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := (messaging.Template{}).Compile(); !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("an empty template: %v", err)
	}
}

func TestMissingVariables(t *testing.T) {
	t.Parallel()
	source := messaging.Template{
		Subject: "Hi {{ first_name }}",
		HTML:    "{{ order.total | round: 2 }}{% if plan %}{{ plan }}{% endif %}{{ coupon | default: 'none' }}{% for x in xs %}{{ x }}{% endfor %}",
	}
	t.Run("fail the rendering, all at once", func(t *testing.T) {
		t.Parallel()
		compiled, err := source.Compile()
		if err != nil {
			t.Fatal(err)
		}
		_, err = compiled.Render(nil)
		if !errors.Is(err, messaging.ErrMissingVariable) || !errors.Is(err, engage.ErrInvalid) || messaging.ClassOf(err) != messaging.FailurePayload {
			t.Fatalf("got %v", err)
		}
		got := fmt.Sprint(engage.FieldsOf(err))
		if want := "[subject: line 1: first_name has no value html: line 1: order.total | round: 2 has no value]"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("or print nothing", func(t *testing.T) {
		t.Parallel()
		lenient := source
		lenient.Missing = messaging.MissingIsEmpty
		compiled, err := lenient.Compile()
		if err != nil {
			t.Fatal(err)
		}
		got, err := compiled.Render(nil)
		if err != nil || got.Subject != "Hi" || got.HTML != "none" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("are known beforehand", func(t *testing.T) {
		t.Parallel()
		compiled, err := messaging.Template{
			Subject: "{{ a.b.c }} {% assign t = z | plus: 1 %}{{ t }}",
			HTML:    "{% for i in list limit: n %}{{ i.x }}{{ forloop.index }}{% endfor %}{{ x | append: y | default: 'q' }}{{ a[k] }}",
		}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(compiled.Variables(), " "); got != "a k list n x y z" {
			t.Errorf("got %s", got)
		}
	})
}

func TestASubjectIsOneLine(t *testing.T) {
	t.Parallel()
	compiled, err := messaging.Template{Subject: "\n Hi\r\n{{ name }}\t you \n", Text: "x"}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.Render(map[string]any{"name": "A\r\nBcc: b@example.com\u2028\x00\xff"})
	if err != nil || got.Subject != "Hi A Bcc: b@example.com \uFFFD you" {
		t.Errorf("got %q, %v", got.Subject, err)
	}
}

func TestOneCompiledTemplateServesManyGoroutines(t *testing.T) {
	t.Parallel()
	compiled, err := messaging.Template{Subject: "{{ n }}", HTML: "{% for i in list %}{{ n }}{{ i | upcase }}{% endfor %}"}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	shared := []any{"a", map[string]any{"x": "y"}, []string{"b"}}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := g*100 + i
				got, err := compiled.Render(map[string]any{"n": n, "list": shared})
				want := fmt.Sprintf(`%dA%d{&#34;X&#34;:&#34;Y&#34;}%dB`, n, n, n)
				if err != nil || got.HTML != want || got.Subject != fmt.Sprint(n) {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
