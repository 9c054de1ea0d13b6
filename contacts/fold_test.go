package contacts_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-engage/engage/contacts"
)

func TestFoldName(t *testing.T) {
	t.Parallel()
	t.Run("makes one of a letter's cases, and folds every letter once and for all", func(t *testing.T) {
		t.Parallel()
		for r := rune(0); r < 0x30000; r++ { // above are no letters that have a case or another spelling
			if !utf8.ValidRune(r) {
				continue
			}
			folded := contacts.FoldName("a" + string(r) + "b")
			if again := contacts.FoldName(folded); again != folded {
				t.Errorf("%U is %q, then %q", r, folded, again)
			}
			for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
				if got := contacts.FoldName("a" + string(other) + "b"); got != folded {
					t.Errorf("%U is %q, but its other case %U %q", r, folded, other, got)
				}
			}
		}
	})
}
