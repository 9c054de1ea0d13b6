package filter_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/go-engage/engage/segments/filter"
)

func TestNumbersHaveOneSpelling(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "0e999999999": "0", "1": "1", "-1.50": "-1.5", "1e3": "1000", "1.5E+2": "150", "15e-1": "1.5",
		"0.001": "0.001", "100e-2": "1", "12300": "12300", "9007199254740993": "9007199254740993", "1e-7": "0.0000001", "1e37": "1" + strings.Repeat("0", 37),
	} {
		if n, err := filter.ParseNumber(in); err != nil || n.String() != want {
			t.Errorf("%s is %s, %v; want %s", in, n, err, want)
		}
	}
	for _, in := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "NaN", "Infinity", "1e309", "1e-39", " 1", "1 ", "1e99999999999999999999", "１"} {
		if n, err := filter.ParseNumber(in); err == nil {
			t.Errorf("%q is %s", in, n)
		}
	}
}

func TestNumbersCompareExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,5})?(e[+-]?[0-4])?`)
		a, b := pattern.Draw(t, "a"), pattern.Draw(t, "b")
		x, errX := filter.ParseNumber(a)
		y, errY := filter.ParseNumber(b)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		if got := x.Compare(y); got != p.Cmp(q) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
		if (x == y) != (p.Cmp(q) == 0) {
			t.Fatalf("%s == %s is %v", a, b, x == y)
		}
		millions := new(big.Rat).Mul(p, big.NewRat(1_000_000, 1))
		if micros, ok := x.Micros(); ok != millions.IsInt() || ok && millions.Num().Int64() != micros {
			t.Fatalf("%s is %d millionths, %v", a, micros, ok)
		}
	})
}

func TestMicrosHaveEighteenDigits(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"999999999999.999999": true, "-999999999999.999999": true, "1000000000000": false, "0.0000001": false} {
		n, err := filter.ParseNumber(in)
		if _, ok := n.Micros(); err != nil || ok != want {
			t.Errorf("%s: %v, %v", in, ok, err)
		}
	}
}
