package filter_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

func ExampleBuild() {
	f, err := filter.Build(filter.And(
		filter.Attr("plan").Is("trial"),
		filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	document, _ := json.Marshal(f)
	fmt.Println(f)
	fmt.Println(string(document))
	// Output:
	// contacts where plan is "trial" and did "signed_in" in the last 7d
	// {"v":1,"entity":"contact","tz":"workspace","where":{"all":[{"attr":"plan","op":"eq","value":"trial"},{"event":"signed_in","op":"gte","value":1,"window":{"last":"7d"}}]}}
}

func ExampleBuild_faults() {
	_, err := filter.Build(filter.And(
		filter.Attr("balance").MoreThan(0.1),
		filter.Event("").Within(time.Millisecond),
	))
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault.Path, fault.Code)
	}
	// Output:
	// /where/all/0/value wrong_type
	// /where/all/1/event required
	// /where/all/1/window/last out_of_range
}

func ExampleParse() {
	_, err := filter.Parse([]byte(`{"v":1,"where":{"any":[
		{"attr":"plan","op":"equals","value":"pro"},
		{"geo":"home","op":"within_km"},
		{"member":"tag"}]}}`))
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// /where/any/0/op: unknown operator "equals"
	// /where/any/1/geo: unsupported: "geo" conditions
	// /where/any/2/id: may not be empty
}

func ExampleEventLeaf_Matching() {
	f := filter.New(filter.And(
		filter.Event("Order Completed").AtLeast(2).Within(30*24*time.Hour).
			Matching(filter.Prop("revenue").AtLeast(filter.Decimal("49.99")), filter.Prop("country").In("FR", "BE")),
		filter.Event("Order Refunded").Never().Within(14*24*time.Hour),
	))
	fmt.Println(f)
	// Output:
	// contacts where did "Order Completed" at least 2 times in the last 30d with (revenue is at least 49.99 and country is one of "FR", "BE") and did not do "Order Refunded" in the last 14d
}

func ExampleFilter_Hash() {
	a := filter.New(filter.And(filter.Tag("vip"), filter.Attr("plan").In("pro")))
	b := filter.New(filter.Nor(filter.Attr("plan").IsNot("pro"), filter.Negate(filter.Tag("vip"))))
	c := filter.New(filter.And(filter.Attr("plan").Is("pro"), filter.And(filter.Tag("vip"), filter.Tag("vip"))))
	fmt.Println(a.Hash() == c.Hash(), a.Hash() == b.Hash())
	// Output:
	// true false
}

func ExampleFilter_References() {
	f := filter.New(filter.Or(
		filter.Attr("birthday").InZone(filter.ZoneContact).Anniversary(0),
		filter.Event("signed_in"),
		filter.List("newsletter"),
	))
	fmt.Printf("%+v\n", f.References())
	// Output:
	// {Attributes:[birthday] Events:[signed_in] Tags:[] Lists:[newsletter] Segments:[] Clock:true ContactZone:true}
}

// Whoever knows which attributes exist walks a filter and reports what does not
// fit, at the same pointers.
func ExampleFilter_Nodes() {
	schema := map[string]filter.Type{"plan": filter.TypeString, "age": filter.TypeNumber}
	f := filter.New(filter.And(filter.Attr("plan").AtLeast(3), filter.Attr("agee").AtLeast(18)))
	for path, node := range f.Nodes() {
		if leaf, ok := node.(filter.AttrLeaf); ok {
			typ, known := schema[leaf.Key]
			fmt.Println(path, known, leaf.Accepts(typ))
		}
	}
	// Output:
	// /where/all/0 true false
	// /where/all/1 false false
}

// The table of operators.
func ExampleOperator_AppliesTo() {
	for typ := filter.TypeString; typ <= filter.TypeList; typ++ {
		fmt.Printf("%s:", typ)
		for op := filter.OpSet; op <= filter.OpSizeLte; op++ {
			if op.AppliesTo(typ) {
				fmt.Print(" ", op)
			}
		}
		fmt.Println()
	}
	// Output:
	// string: set unset eq neq in nin empty nempty contains ncontains starts nstarts ends nends like regex length_eq length_gte length_lte
	// number: set unset eq neq in nin between nbetween lt lte gt gte
	// money: set unset eq neq in nin between nbetween lt lte gt gte
	// bool: set unset is_true is_false
	// date: set unset between nbetween on before after last next more_than_ago more_than_ahead during anniversary day_of_week passed
	// datetime: set unset between nbetween on before after last next more_than_ago more_than_ahead during anniversary day_of_week hour_of_day passed
	// list: set unset empty nempty has has_any has_none has_all size_eq size_gte size_lte
}
