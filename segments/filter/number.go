package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Number is an exact decimal of at most MaxDigits digits. Equal numbers are ==,
// however they were written: 50, 50.0 and 5e1 are one. The zero Number is 0.
type Number struct{ text string } // canonical; "" is 0

// ParseNumber reads a number as JSON spells it: an optional minus, digits without
// a leading zero, an optional fraction and exponent.
func ParseNumber(s string) (Number, error) {
	digits, places, negative, ok := scanNumber(s)
	if !ok {
		return Number{}, fmt.Errorf("%q is no number", clip(s))
	}
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	places -= len(digits) - len(trimmed)
	if trimmed == "" {
		return Number{}, nil
	}
	whole, fraction := len(trimmed)-places, max(places, 0)
	if max(whole, 0)+fraction > MaxDigits {
		return Number{}, fmt.Errorf("%q has more than %d digits", clip(s), MaxDigits)
	}
	switch {
	case places <= 0:
		trimmed += strings.Repeat("0", -places)
	case whole <= 0:
		trimmed = "0." + strings.Repeat("0", -whole) + trimmed
	default:
		trimmed = trimmed[:whole] + "." + trimmed[whole:]
	}
	if negative {
		trimmed = "-" + trimmed
	}
	return Number{text: trimmed}, nil
}

// scanNumber splits JSON's spelling: the value is digits × 10^-places.
func scanNumber(s string) (digits string, places int, negative, ok bool) {
	s, negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		if exponent == "" {
			return "", 0, false, false
		}
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isDigits(whole) || len(whole) > 1 && whole[0] == '0' || point && !isDigits(fraction) {
		return "", 0, false, false
	}
	shift := 0
	if exponent != "" {
		unsigned := strings.TrimPrefix(exponent, "-")
		if unsigned == exponent {
			unsigned = strings.TrimPrefix(exponent, "+")
		}
		if !isDigits(unsigned) {
			return "", 0, false, false
		}
		// Beyond seven digits the size no longer matters: it is out of range, or
		// the mantissa is zero.
		n, err := strconv.Atoi(unsigned)
		if err != nil || n > 9_999_999 {
			n = 9_999_999
		}
		if exponent[0] == '-' {
			n = -n
		}
		shift = n
	}
	return whole + fraction, len(fraction) - shift, negative, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Int is the number n.
func Int(n int64) Number {
	if n == 0 {
		return Number{}
	}
	return Number{text: strconv.FormatInt(n, 10)}
}

// String is the number without an exponent and without superfluous zeros.
func (n Number) String() string {
	if n.text == "" {
		return "0"
	}
	return n.text
}

// Compare is -1, 0 or 1 as n is less than, equal to or greater than other.
func (n Number) Compare(other Number) int {
	if n == other {
		return 0
	}
	a, aNegative := strings.CutPrefix(n.String(), "-")
	b, bNegative := strings.CutPrefix(other.String(), "-")
	switch {
	case aNegative && !bNegative:
		return -1
	case bNegative && !aNegative:
		return 1
	case aNegative:
		a, b = b, a
	}
	aWhole, aFraction, _ := strings.Cut(a, ".")
	bWhole, bFraction, _ := strings.Cut(b, ".")
	if len(aWhole) != len(bWhole) {
		if len(aWhole) < len(bWhole) {
			return -1
		}
		return 1
	}
	if c := strings.Compare(aWhole, bWhole); c != 0 {
		return c
	}
	return strings.Compare(aFraction, bFraction)
}

// Int64 is the number if it is an integer of 64 bits.
func (n Number) Int64() (int64, bool) {
	i, err := strconv.ParseInt(n.String(), 10, 64)
	return i, err == nil
}

// Micros is the number in millionths, if it has at most six places and 18 digits
// in millionths: the form that facts and indexes compare.
func (n Number) Micros() (int64, bool) {
	whole, fraction, _ := strings.Cut(n.String(), ".")
	if len(fraction) > 6 || len(strings.TrimPrefix(whole, "-")) > 12 {
		return 0, false
	}
	micros, err := strconv.ParseInt(whole+fraction+"000000"[len(fraction):], 10, 64)
	return micros, err == nil
}
