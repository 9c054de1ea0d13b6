package engage_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/go-engage/engage"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	t.Run("adds in one currency, and overflows to an error", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			a, b, want int64
			ok         bool
		}{
			{1, 2, 3, true},
			{-1, 1, 0, true},
			{0, 0, 0, true},
			{math.MaxInt64, 0, math.MaxInt64, true},
			{math.MaxInt64, math.MinInt64, -1, true},
			{math.MinInt64, 0, math.MinInt64, true},
			{math.MaxInt64, 1, 0, false},
			{math.MinInt64, -1, 0, false},
			{math.MinInt64, math.MinInt64, 0, false},
		} {
			got, err := engage.Money{Minor: c.a, Currency: "EUR"}.Add(engage.Money{Minor: c.b, Currency: "EUR"})
			if c.ok && (err != nil || got.Minor != c.want) || !c.ok && !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%d and %d: %v, %v", c.a, c.b, got, err)
			}
		}
		if _, err := (engage.Money{Currency: "EUR"}).Add(engage.Money{Currency: "USD"}); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("two currencies: %v", err)
		}
	})
	t.Run("is read back from JSON, and refused with another currency or amount", func(t *testing.T) {
		t.Parallel()
		want := engage.Money{Minor: -1999, Currency: "EUR"}
		doc, err := json.Marshal(want)
		var got engage.Money
		if err = errors.Join(err, json.Unmarshal(doc, &got)); err != nil || got != want || string(doc) != `{"minor":-1999,"currency":"EUR"}` || got.String() != "-1999 EUR" {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
		for _, doc := range []string{`{"minor":1}`, `{"minor":1,"currency":"eur"}`, `{"minor":1,"currency":"EURO"}`, `{"minor":1.5,"currency":"EUR"}`, `{"minor":9223372036854775808,"currency":"EUR"}`, `[]`} {
			if err := json.Unmarshal([]byte(doc), &got); !errors.Is(err, engage.ErrInvalid) || got != want {
				t.Errorf("%s: %v, %v", doc, got, err)
			}
		}
	})
}
