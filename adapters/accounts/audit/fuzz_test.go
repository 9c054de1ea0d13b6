package audit

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzRedact masks any payload: what comes out is JSON, masking it again changes
// nothing, and nothing is left of what a secret name held.
func FuzzRedact(f *testing.F) {
	f.Add(`{"password":"canary","a":[1.50,1e400,null,{"key":"api_key","to":"canary"}]}`)
	f.Add(`[[[{"Secret":{"x":"canary"}}]]]`)
	f.Add(`"canary"`)
	f.Add(`{"a":1,"a":2} trailing`)
	f.Fuzz(func(t *testing.T, payload string) {
		secrets := Config{}.resolve().Secrets
		once, err := redact([]byte(payload), secrets)
		if err != nil {
			if json.Valid([]byte(payload)) {
				t.Fatalf("refused %q: %v", payload, err)
			}
			return
		}
		twice, err := redact([]byte(once), secrets)
		if err != nil || twice != once {
			t.Fatalf("%q became %q, then %q: %v", payload, once, twice, err)
		}
		nested, err := redact([]byte(`{"x":[{"smtp_Password":`+once+`}]}`), secrets)
		if err != nil || once != "null" && nested != `{"x":[{"smtp_Password":"***"}]}` {
			t.Fatalf("%q is left as %.200q: %v", once, nested, err)
		}
		if strings.Contains(once, "\n") {
			t.Fatalf("%q has a line break", once)
		}
	})
}
