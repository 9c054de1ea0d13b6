package messaging

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/parser"
)

// Scanner and expressions are those of osteele/liquid. Blocks are put together
// and run here: that library's renderer has no limits, reads files, and escapes
// nothing.

// compile makes the nodes of a part of its source.
func (p *part) compile(source string) *fault {
	switch {
	case len(source) > MaxTemplateBytes:
		return faultAt(1, "too_long", "%d bytes, at most %d", len(source), MaxTemplateBytes)
	case strings.ContainsRune(source, 0):
		return faultAt(1, "control_character", "NUL is refused")
	case !utf8.ValidString(source):
		return faultAt(1, "invalid", "not UTF-8")
	}
	c := &compiler{
		tokens: parser.Scan(source, parser.SourceLoc{LineNo: 1}, nil),
		reads:  map[string]bool{}, sets: map[string]bool{},
	}
	body, end, err := c.block(0)
	if err == nil && end != nil {
		err = faultAt(end.SourceLoc.LineNo, "syntax", "%.40s without its beginning", end.Name)
	}
	if err != nil {
		return err
	}
	p.body = body
	for name, isFromData := range c.reads {
		p.reads = append(p.reads, name)
		if isFromData {
			p.wants = append(p.wants, name)
		}
	}
	return nil
}

type compiler struct {
	tokens []parser.Token
	next   int
	nodes  int
	loops  int             // that are open
	reads  map[string]bool // names that expressions start from; true: before the template sets them
	sets   map[string]bool // names that the template gives a value
}

// block compiles nodes up to a tag that ends or divides one, which it answers, or
// to the end of the source.
func (c *compiler) block(depth int) ([]node, *parser.Token, *fault) {
	var nodes []node
	for c.next < len(c.tokens) {
		token := c.tokens[c.next]
		c.next++
		line := token.SourceLoc.LineNo
		if c.nodes++; c.nodes > MaxTemplateNodes {
			return nil, nil, faultAt(line, "too_long", "more than %d texts, outputs and tags", MaxTemplateNodes)
		}
		switch token.Type {
		case parser.TrimLeftTokenType, parser.TrimRightTokenType:
		case parser.TextTokenType:
			text, err := c.text(token)
			if err != nil {
				return nil, nil, err
			}
			nodes = append(nodes, textNode(text))
		case parser.ObjTokenType:
			e, err := c.expression(token.Args, line)
			if err != nil {
				return nil, nil, err
			}
			nodes = append(nodes, &printNode{e})
		case parser.TagTokenType:
			if isBoundary(token.Name) {
				if token.Name != "when" && token.Name != "elsif" && tagArgs(token) != "" {
					return nil, nil, faultAt(line, "syntax", "%.40s takes nothing behind it", token.Name)
				}
				return nodes, &token, nil
			}
			if depth == MaxTemplateDepth {
				return nil, nil, faultAt(line, "too_deep", "more than %d blocks inside each other", MaxTemplateDepth)
			}
			n, err := c.tag(token, depth+1)
			if err != nil {
				return nil, nil, err
			}
			if n != nil {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes, nil, nil
}

func isBoundary(name string) bool {
	return strings.HasPrefix(name, "end") || name == "else" || name == "elsif" || name == "when"
}

// text is the text of a token, less the white space that dashes beside it take.
// A brace that the scanner left in it was never closed.
func (c *compiler) text(token parser.Token) (string, *fault) {
	text := token.Source
	for _, open := range []string{"{{", "{%"} {
		if i := strings.Index(text, open); i >= 0 {
			line := token.SourceLoc.LineNo + strings.Count(text[:i], "\n")
			return "", faultAt(line, "syntax", "%s is not closed on its line", open)
		}
	}
	at := c.next - 1
	if at > 0 && c.tokens[at-1].Type == parser.TrimRightTokenType {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if at+1 < len(c.tokens) && c.tokens[at+1].Type == parser.TrimLeftTokenType {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text, nil
}

func (c *compiler) tag(token parser.Token, depth int) (node, *fault) {
	line := token.SourceLoc.LineNo
	args := tagArgs(token)
	switch token.Name {
	case "comment":
		return nil, c.skipComment(line)
	case "if", "unless":
		return c.ifTag(token.Name, args, line, depth)
	case "case":
		return c.caseTag(args, line, depth)
	case "for":
		return c.forTag(args, line, depth)
	case "capture":
		body, err := c.until("endcapture", line, depth)
		if err == nil && !isName(args) {
			err = faultAt(line, "syntax", "want {%% capture name %%}")
		}
		c.sets[args] = true
		return &captureNode{name: args, body: body}, err
	case "assign":
		name, value, ok := strings.Cut(args, "=")
		if name = strings.TrimSpace(name); !ok || !isName(name) {
			return nil, faultAt(line, "syntax", "want {%% assign name = value %%}")
		}
		e, err := c.expression(value, line)
		c.sets[name] = true
		return &assignNode{name: name, value: e}, err
	case "break", "continue":
		if c.loops == 0 {
			return nil, faultAt(line, "syntax", "%s stands in a loop", token.Name)
		}
		if token.Name == "break" {
			return flowNode(flowBreak), nil
		}
		return flowNode(flowContinue), nil
	}
	return nil, faultAt(line, "unknown_tag", "unknown tag %.40q", token.Name)
}

// tagArgs is what stands behind a tag's name. The scanner takes the dash of
// {% else -%} for one.
func tagArgs(token parser.Token) string {
	if args := strings.TrimSpace(token.Args); args != "-" {
		return args
	}
	return ""
}

// until compiles the body of a block that has no other divisions.
func (c *compiler) until(end string, line, depth int) ([]node, *fault) {
	body, got, err := c.block(depth)
	if err == nil {
		err = wantEnd(got, end, line)
	}
	return body, err
}

func wantEnd(got *parser.Token, end string, line int) *fault {
	switch {
	case got == nil:
		return faultAt(line, "syntax", "%s is missing", end)
	case got.Name != end:
		return faultAt(got.SourceLoc.LineNo, "syntax", "%.40s where %s belongs", got.Name, end)
	}
	return nil
}

func (c *compiler) skipComment(line int) *fault {
	for c.next < len(c.tokens) {
		token := c.tokens[c.next]
		c.next++
		if token.Type == parser.TagTokenType && token.Name == "endcomment" {
			return nil
		}
	}
	return faultAt(line, "syntax", "endcomment is missing")
}

func (c *compiler) ifTag(name, args string, line, depth int) (node, *fault) {
	test, err := c.expression(args, line)
	if err != nil {
		return nil, err
	}
	n := &ifNode{}
	branch := branch{test: test, negate: name == "unless"}
	for {
		body, end, err := c.block(depth)
		if err != nil {
			return nil, err
		}
		branch.body = body
		n.branches = append(n.branches, branch)
		isElse := len(n.branches) > 1 && branch.test == nil
		switch {
		case end != nil && end.Name == "elsif" && !isElse && name == "if":
			if branch.test, err = c.expression(end.Args, end.SourceLoc.LineNo); err != nil {
				return nil, err
			}
		case end != nil && end.Name == "else" && !isElse:
			branch.test = nil
		default:
			return n, wantEnd(end, "end"+name, line)
		}
		branch.negate = false
	}
}

func (c *compiler) caseTag(args string, line, depth int) (node, *fault) {
	subject, err := c.expression(args, line)
	if err != nil {
		return nil, err
	}
	n := &caseNode{subject: subject}
	before, end, err := c.block(depth)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, func(n node) bool { t, isText := n.(textNode); return !isText || strings.TrimSpace(string(t)) != "" }) {
		return nil, faultAt(line, "syntax", "nothing stands between case and when")
	}
	for end != nil && (end.Name == "when" || end.Name == "else") {
		isElse := end.Name == "else"
		var values []*expression
		if !isElse {
			for _, value := range splitOutsideQuotes(end.Args) {
				e, err := c.expression(value, end.SourceLoc.LineNo)
				if err != nil {
					return nil, err
				}
				values = append(values, e)
			}
		}
		body, next, err := c.block(depth)
		if err != nil {
			return nil, err
		}
		n.whens = append(n.whens, when{values: values, isElse: isElse, body: body})
		if end = next; isElse {
			break
		}
	}
	return n, wantEnd(end, "endcase", line)
}

func (c *compiler) forTag(args string, line, depth int) (node, *fault) {
	name, list, _ := strings.Cut(args, " ")
	list, ok := strings.CutPrefix(strings.TrimSpace(list), "in ")
	if !ok || !isName(name) {
		return nil, faultAt(line, "syntax", "want {%% for name in list %%}")
	}
	if f := c.check(list, line); f != nil {
		return nil, f
	}
	var statement *expressions.Statement
	err := guard(func() (err error) {
		statement, err = expressions.ParseStatement(expressions.LoopStatementSelector, args)
		return err
	})
	if err != nil || statement.Expr == nil || statement.Cols != nil {
		return nil, faultAt(line, "syntax", "want {%% for name in list %%}, with limit:, offset: or reversed")
	}
	c.sets[name], c.sets["forloop"] = true, true
	wrap := func(e expressions.Expression) *expression {
		if e == nil {
			return nil
		}
		return &expression{source: args, line: line, eval: e}
	}
	n := &forNode{
		name: name, list: wrap(statement.Expr), limit: wrap(statement.Limit),
		offset: wrap(statement.Offset), reversed: statement.Reversed,
	}
	c.loops++
	body, end, f := c.block(depth)
	c.loops--
	if f != nil {
		return nil, f
	}
	n.body = body
	if end != nil && end.Name == "else" {
		if n.empty, end, f = c.block(depth); f != nil {
			return nil, f
		}
	}
	return n, wantEnd(end, "endfor", line)
}

// expression is a checked and parsed expression; source and line are for errors.
type expression struct {
	source string
	line   int
	eval   expressions.Expression
}

func (c *compiler) expression(source string, line int) (*expression, *fault) {
	source = strings.TrimSpace(source)
	if f := c.check(source, line); f != nil {
		return nil, f
	}
	e := &expression{source: source, line: line}
	err := guard(func() (err error) {
		e.eval, err = expressions.Parse(source)
		return err
	})
	if err != nil {
		return nil, faultAt(line, "syntax", "cannot read %.80q", source)
	}
	return e, nil
}

// guard turns a panic of the library into an error: its lexer panics on a number
// that does not fit, for one.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return fn()
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && r != '_' }) &&
		(s[0] < '0' || s[0] > '9')
}

func splitOutsideQuotes(s string) []string {
	var parts []string
	quote, start := byte(0), 0
	for i := range len(s) {
		switch {
		case quote != 0:
			if s[i] == quote {
				quote = 0
			}
		case s[i] == '"' || s[i] == '\'':
			quote = s[i]
		case s[i] == ',':
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}
