package main

import (
	"context"
	"fmt"
)

// What the program prints.
func Example() {
	fmt.Println(run(context.Background()))
	// Output:
	// employee 1 wrote a contact, recorded as made by a user
	// employee 2 may not write contacts in Geneva
	// employee 3 may not write contacts in Geneva
	// user Ana
	// user Ben
	// team Counter of 2
	// settings Genève fr-CH Europe/Zurich CHF "dark"
	// key 7 wrote a contact; it may delete: false
	// the revoked key is refused
	// tables of adapters/accounts: 0
	// <nil>
}
