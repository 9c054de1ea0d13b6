package attribute_test

import (
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Values are exact and have one spelling, so equal values are ==.
func ExampleParse() {
	v, _ := attribute.Parse([]byte(`{"total": 1.50e1, "id": 9007199254740993}`))
	fmt.Println(v)
	fmt.Println(v == attribute.Object(attribute.Set{
		"id": attribute.Integer(9007199254740993), "total": attribute.Integer(15),
	}))
	// Output:
	// {"id":9007199254740993,"total":15}
	// true
}

// A definition converts what loses nothing, and refuses the rest.
func ExampleDefinition_Coerce() {
	age := attribute.Definition{Key: "age", Type: attribute.TypeInteger}
	v, err := age.Coerce(attribute.String(" 42 "))
	fmt.Println(v, err)
	_, err = age.Coerce(attribute.String("old"))
	fmt.Println(engage.FieldsOf(err)[0].Code)
	// Output:
	// 42 <nil>
	// wrong_type
}

// Absent keys stay as they are, null unsets, and a bad value is left out.
func ExampleSet_Apply() {
	have := attribute.Set{"plan": attribute.String("trial"), "source": attribute.String("ad")}
	set, changes, rejected := have.Apply(
		attribute.Set{"plan": attribute.String("pro"), "source": attribute.Null, "age": attribute.String("old")},
		[]attribute.Definition{{Key: "age", Type: attribute.TypeInteger}},
		attribute.AcceptUnknown,
	)
	fmt.Println(string(set.JSON()))
	for _, c := range changes {
		fmt.Printf("%s: %q becomes %q\n", c.Key, c.From, c.To)
	}
	fmt.Println(rejected)
	// Output:
	// {"plan":"pro"}
	// plan: "\"trial\"" becomes "\"pro\""
	// source: "\"ad\"" becomes ""
	// [attributes.age: "old" is no integer]
}
