package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonKind is the JSON type of a value.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

var jsonWords = [...]string{"null", "a bool", "a number", "a string", "an array", "an object"}

func (k jsonKind) String() string { return jsonWords[k] }

// jsonValue is a JSON value as it was written: numbers keep their text, objects
// the order of their keys.
type jsonValue struct {
	kind  jsonKind
	text  string // of a string or a number
	truth bool
	keys  []string // of an object, beside items
	items []jsonValue
}

// readJSON reads a document whole. Duplicate keys and NUL are noted and passed
// over; a document that is no JSON, too large or too deep is noted and answers
// false.
func readJSON(document []byte, found *faults) (jsonValue, bool) {
	var syntax *json.SyntaxError
	var raw json.RawMessage
	switch {
	case len(document) > MaxBytes:
		found.add("", FaultTooLong, "%d bytes, at most %d", len(document), MaxBytes)
	case !utf8.Valid(document):
		found.add("", FaultSyntax, "invalid UTF-8")
	case errors.As(json.Unmarshal(document, &raw), &syntax):
		found.add("", FaultSyntax, "byte %d: %v", syntax.Offset, syntax)
	case loneSurrogate(document):
		found.add("", FaultSyntax, `half of a surrogate pair in a \u escape`)
	default:
		r := jsonReader{faults: found, decoder: json.NewDecoder(bytes.NewReader(document))}
		r.decoder.UseNumber()
		v := r.value("", 0)
		return v, !r.stopped
	}
	return jsonValue{}, false
}

type jsonReader struct {
	*faults
	decoder *json.Decoder
	stopped bool
}

func (r *jsonReader) token() json.Token {
	t, err := r.decoder.Token()
	if err != nil { // the document was found to be valid before
		r.add("", FaultSyntax, "%v", err)
		r.stopped = true
	}
	return t
}

func (r *jsonReader) value(path string, depth int) jsonValue {
	if depth > maxNesting {
		r.add(path, FaultTooDeep, "JSON nested deeper than %d levels", maxNesting)
		r.stopped = true
	}
	if r.stopped {
		return jsonValue{}
	}
	switch t := r.token().(type) {
	case bool:
		return jsonValue{kind: jsonBool, truth: t}
	case json.Number:
		return jsonValue{kind: jsonNumber, text: t.String()}
	case string:
		r.noNUL(path, t)
		return jsonValue{kind: jsonString, text: t}
	case json.Delim:
		if t == '[' {
			return r.array(path, depth)
		}
		return r.object(path, depth)
	}
	return jsonValue{kind: jsonNull}
}

func (r *jsonReader) array(path string, depth int) jsonValue {
	v := jsonValue{kind: jsonArray}
	for !r.stopped && r.decoder.More() {
		v.items = append(v.items, r.value(item(path, len(v.items)), depth+1))
	}
	r.end()
	return v
}

func (r *jsonReader) object(path string, depth int) jsonValue {
	v := jsonValue{kind: jsonObject}
	seen := map[string]bool{}
	for !r.stopped && r.decoder.More() {
		key, _ := r.token().(string)
		at := child(path, key)
		if seen[key] {
			r.add(at, FaultDuplicate, "the key occurs twice")
		}
		seen[key] = true
		r.noNUL(at, key)
		v.keys = append(v.keys, key)
		v.items = append(v.items, r.value(at, depth+1))
	}
	r.end()
	return v
}

// end reads a closing bracket.
func (r *jsonReader) end() {
	if !r.stopped {
		r.token()
	}
}

func (r *jsonReader) noNUL(path, s string) {
	if strings.ContainsRune(s, 0) {
		r.add(path, FaultSyntax, "NUL is refused")
	}
}

// loneSurrogate finds an escape that encoding/json would replace by U+FFFD. The
// document is valid JSON, so a backslash stands in a string.
func loneSurrogate(document []byte) bool {
	for i := 0; i < len(document); i++ {
		if document[i] != '\\' {
			continue
		}
		i++
		high, ok := escaped(document, i)
		if !ok {
			continue
		}
		i += 4
		if high < 0xd800 || high > 0xdfff {
			continue
		}
		if high >= 0xdc00 || i+2 >= len(document) || document[i+1] != '\\' {
			return true
		}
		low, ok := escaped(document, i+2)
		if !ok || low < 0xdc00 || low > 0xdfff {
			return true
		}
		i += 6
	}
	return false
}

// escaped reads uXXXX at i.
func escaped(document []byte, i int) (uint64, bool) {
	if i+5 > len(document) || document[i] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(document[i+1:i+5]), 16, 32)
	return code, err == nil
}
