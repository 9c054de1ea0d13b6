package engage

import (
	"encoding/json"
	"fmt"
)

// Currency is an ISO 4217 code of three upper-case letters.
type Currency string

// Money is an amount in a currency's minor unit: 1999 EUR is 19.99 €. On the
// wire it is {"minor":1999,"currency":"EUR"}.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Validate answers ErrInvalid unless the currency has the form of a code.
func (m Money) Validate() error {
	if len(m.Currency) == 3 && isUpper(m.Currency[0]) && isUpper(m.Currency[1]) && isUpper(m.Currency[2]) {
		return nil
	}
	var faults Faults
	faults.Add("currency", "invalid", "%q is no ISO 4217 code", clip(string(m.Currency), 16))
	return faults.Err("engage.Money", "")
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// Add answers the sum; two currencies or an overflow answer ErrInvalid.
func (m Money) Add(other Money) (Money, error) {
	sum := m.Minor + other.Minor
	switch {
	case m.Currency != other.Currency:
		return Money{}, &Error{Code: Invalid, Op: "engage.Money", Err: fmt.Errorf("%s and %s do not add", m.Currency, other.Currency)}
	case (sum > m.Minor) != (other.Minor > 0):
		return Money{}, &Error{Code: Invalid, Op: "engage.Money", Err: fmt.Errorf("%d and %d overflow", m.Minor, other.Minor)}
	}
	return Money{Minor: sum, Currency: m.Currency}, nil
}

// String is "1999 EUR".
func (m Money) String() string { return fmt.Sprintf("%d %s", m.Minor, m.Currency) }

// UnmarshalJSON reads the wire form and validates it.
func (m *Money) UnmarshalJSON(data []byte) error {
	type wire Money
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return &Error{Code: Invalid, Op: "engage.Money", Err: err}
	}
	if err := Money(w).Validate(); err != nil {
		return err
	}
	*m = Money(w)
	return nil
}
