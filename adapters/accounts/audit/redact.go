package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-engage/engage"
)

// masked stands where a secret was.
const masked = "***"

// redact masks the values of secret names in a payload, and writes it with sorted
// keys and numbers as they were.
func redact(payload []byte, secrets []string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", &engage.Error{Code: engage.Invalid, Op: "audit.Record", Err: err}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(mask(value, secrets)); err != nil {
		return "", &engage.Error{Code: engage.Invalid, Op: "audit.Record", Err: err}
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// naming are the members of an object that name what those of named hold, as in
// {"key": "password", "from": …, "to": …}.
var (
	naming = [...]string{"key", "name", "field", "attribute", "path"}
	named  = [...]string{"from", "to", "value", "before", "after", "old", "new", "default"}
)

func mask(value any, secrets []string) any {
	switch value := value.(type) {
	case map[string]any:
		secret := slices.ContainsFunc(naming[:], func(member string) bool {
			text, ok := value[member].(string)
			return ok && isSecret(text, secrets)
		})
		for name, member := range value {
			switch {
			case member == nil:
			case isSecret(name, secrets), secret && slices.Contains(named[:], name):
				value[name] = masked
			default:
				value[name] = mask(member, secrets)
			}
		}
	case []any:
		for i, item := range value {
			value[i] = mask(item, secrets)
		}
	}
	return value
}

// isSecret reports whether a name holds one of the words.
func isSecret(name string, secrets []string) bool {
	name = bare(name)
	return slices.ContainsFunc(secrets, func(word string) bool { return word != "" && strings.Contains(name, word) })
}

// bare is a name in lower case, its letters and digits alone.
func bare(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, name)
}
