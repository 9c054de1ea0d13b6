package archtest

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// strangeWords speak of where the code was written instead of what it does, or
// cite files that a reader does not have. They are put together here, so that
// this file does not hold them; the search ignores case.
var strangeWords = []string{
	"sub" + "agent", "sub-" + "agent", "/wo" + "rk/", "/ro" + "ot/",
	"proxy.go" + "lang.org", "sum.go" + "lang.org", "registry.np" + "mjs", "deb.de" + "bian.org",
	"cla" + "ude", "anth" + "ropic", "chat" + "gpt", "co-auth" + "ored-by",
	"design" + ".md", "design" + " §", "style" + ".md", "features" + ".tsv", "kernel" + ".md",
}

func wordRules() []rule {
	return []rule{
		{
			name: "the project speaks of itself alone",
			check: func(t *tree) []string {
				var found []string
				for _, name := range slices.Sorted(maps.Keys(t.files)) {
					content := t.files[name]
					if bytes.IndexByte(content, 0) >= 0 {
						continue // no text
					}
					for number, line := range strings.Split(strings.ToLower(string(content)), "\n") {
						for _, word := range strangeWords {
							if strings.Contains(line, word) {
								found = append(found, finding(name, "line %d says %q", number+1, word))
							}
						}
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"names a path", "-- contacts/c.go --\npackage contacts\n\n// See /Wo" + "rk/main.\n", "contacts/c.go: line 3 says"},
				{"names a registry in a script", "-- .ci/run --\ncurl https://proxy.go" + "lang.org\n", ".ci/run: line 1 says"},
			},
		},
	}
}
