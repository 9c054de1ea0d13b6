package messaging

import "strings"

// check looks at an expression before the library does: its length and depth, the
// filters it names, and signs that have no place in one. A range is refused here,
// which would make a list out of two numbers.
func (c *compiler) check(source string, line int) *fault {
	if len(source) > MaxExpressionBytes {
		return faultAt(line, "too_long", "an expression of %d bytes, at most %d", len(source), MaxExpressionBytes)
	}
	if source == "" {
		return faultAt(line, "syntax", "an expression is missing")
	}
	depth, previous := 0, byte(0)
	for i := 0; i < len(source); {
		b := source[i]
		end := i + 1
		switch {
		case b == '"' || b == '\'':
			closing := strings.IndexByte(source[i+1:], b)
			if closing < 0 {
				return faultAt(line, "syntax", "a quote is not closed")
			}
			end = i + closing + 2
		case isNameStart(b):
			for end < len(source) && isNameByte(source[end]) {
				end++
			}
			if f := c.word(source[i:end], previous, source[end:], line); f != nil {
				return f
			}
		case b >= '0' && b <= '9':
			// A number's point is no property's.
			for end < len(source) && (source[end] >= '0' && source[end] <= '9' ||
				source[end] == '.' && end+1 < len(source) && source[end+1] >= '0' && source[end+1] <= '9') {
				end++
			}
		case b == '(' || b == '[':
			if depth++; depth > MaxTemplateDepth {
				return faultAt(line, "too_deep", "more than %d brackets inside each other", MaxTemplateDepth)
			}
		case b == ')' || b == ']':
			depth--
		case b == '.' && end < len(source) && source[end] == '.':
			return faultAt(line, "not_allowed", "ranges are not allowed; loop over a list")
		case b >= 0x80 || b == ';' || b == '%' || b == '{' || b == '}':
			return faultAt(line, "syntax", "%q has no place outside quotes", source[i:end])
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			previous = b
		}
		i = end
	}
	return nil
}

// word notes a variable, or holds the name of a filter against the known ones.
func (c *compiler) word(word string, previous byte, rest string, line int) *fault {
	switch {
	case previous == '|':
		if _, known := filters[word]; !known {
			return faultAt(line, "unknown_filter", "unknown filter %.40q", word)
		}
		return nil
	case previous == '.', strings.HasPrefix(rest, ":"):
		return nil
	}
	switch word {
	case "true", "false", "nil", "and", "or", "contains", "in", "reversed", "forloop":
	default:
		c.reads[word] = c.reads[word] || !c.sets[word]
	}
	return nil
}

func isNameStart(b byte) bool { return b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

func isNameByte(b byte) bool {
	return isNameStart(b) || b >= '0' && b <= '9' || b == '-' || b == '?'
}
