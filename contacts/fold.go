package contacts

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold is the form in which texts are compared that differ in case or in the
// spelling of characters: NFKC, case-folded. A folded text folds to itself.
func fold(s string) string {
	return FoldCase(norm.NFKC.String(strings.ToValidUTF8(s, "\ufffd")))
}

// FoldCase is a text without its case, by Unicode's full folding: "Straße" and
// "STRASSE" fold alike.
func FoldCase(s string) string {
	// Package cases takes each Cherokee letter's case for the other's, so folding
	// twice would undo it; from capitals it makes small ones.
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xab70 && r <= 0xabbf:
			return r - 0xab70 + 0x13a0
		case r >= 0x13f8 && r <= 0x13fd:
			return r - 8
		}
		return r
	}, s)
	return cases.Fold().String(s)
}
