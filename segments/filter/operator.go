package filter

// Type is the type of a value that a leaf is asked of, or of a literal.
type Type uint8

// The types. Number holds integers and decimals alike: both are exact.
const (
	TypeString Type = iota + 1
	TypeNumber
	TypeMoney
	TypeBool
	TypeDate
	TypeDatetime
	TypeList
)

var typeWords = [...]string{
	TypeString: "string", TypeNumber: "number", TypeMoney: "money", TypeBool: "bool",
	TypeDate: "date", TypeDatetime: "datetime", TypeList: "list",
}

// String is the type's word in documents.
func (t Type) String() string { return word(typeWords[:], int(t)) }

// types is a set of types.
type types uint16

func setOf(members ...Type) (s types) {
	for _, t := range members {
		s |= 1 << t
	}
	return s
}

func (s types) has(t Type) bool { return s&(1<<t) != 0 }

// Operator is how a leaf compares a value with its operand.
type Operator uint8

// The operators. Names that begin with OpN are the exact complements of their
// positives, so they include what is missing.
const (
	OpSet     Operator = iota + 1 // is there and not null; "" and [] are set
	OpUnset                       // is missing or null
	OpEq                          // is the literal
	OpNeq                         //
	OpIn                          // is one of a set
	OpNin                         //
	OpEmpty                       // is "" or []
	OpNempty                      //
	OpBetween                     // lies between two ends, both included
	OpNbetween

	OpContains // text holds the literal, which stands for itself: % and _ are letters
	OpNcontains
	OpStarts // text begins with the literal
	OpNstarts
	OpEnds // text ends with the literal
	OpNends
	OpLike      // text matches a pattern of % (any text), _ (one letter) and \ (takes the next literally)
	OpRegex     // text holds a match of a regular expression (RE2, as package regexp)
	OpLengthEq  // text has that many Unicode code points
	OpLengthGte //
	OpLengthLte //

	OpLt // less, and so on
	OpLte
	OpGt
	OpGte

	OpTrue  // is true
	OpFalse // is false; not the complement of OpTrue

	OpOn            // falls on a date
	OpBefore        // before a date or an instant
	OpAfter         // after a date or an instant
	OpLast          // in the last n units, up to now
	OpNext          // in the next n units, from now
	OpMoreThanAgo   // more than n units ago
	OpMoreThanAhead // more than n units ahead
	OpDuring        // in a period, as last_month
	OpAnniversary   // month and day are those of a day near today
	OpWeekday       // on one of the weekdays, 1 (Monday) to 7 (Sunday), as ISO 8601
	OpHour          // in one of the hours of the day, 0 to 23
	OpPassed        // now or before

	OpHas     // a list holds the literal
	OpHasAny  // a list holds one of a set
	OpHasNone // a list holds none of a set; the complement of OpHasAny
	OpHasAll  // a list holds all of a set
	OpSizeEq  // a list has that many elements
	OpSizeGte
	OpSizeLte
)

// shape is the form of an operator's operand.
type shape uint8

const (
	noOperand shape = iota
	oneLiteral
	pairOfLiterals
	setOfLiterals
	aSpan
	aPeriod
	anAnniversary
	someWeekdays
	someHours
	aSize
)

// plural reports whether the operand is several values.
func (s shape) plural() bool {
	return s == pairOfLiterals || s == setOfLiterals || s == someWeekdays || s == someHours
}

// operator is a row of the table: the word in documents, the types of values it
// applies to, its operand and the types of its literals, its complement, how
// people say it, and the operator that compares with the only value of a set.
type operator struct {
	word       string
	applies    types
	shape      shape
	literals   types
	complement Operator
	negative   bool
	phrase     string
	single     Operator
}

var (
	anyType  = setOf(TypeString, TypeNumber, TypeMoney, TypeBool, TypeDate, TypeDatetime, TypeList)
	text     = setOf(TypeString)
	ordered  = setOf(TypeNumber, TypeMoney)
	scalar   = text | ordered
	temporal = setOf(TypeDate, TypeDatetime)
	list     = setOf(TypeList)
	element  = setOf(TypeString, TypeNumber)
)

var operators = [...]operator{
	OpSet:      {"set", anyType, noOperand, 0, OpUnset, false, "is set", 0},
	OpUnset:    {"unset", anyType, noOperand, 0, OpSet, true, "is not set", 0},
	OpEq:       {"eq", scalar, oneLiteral, scalar, OpNeq, false, "is", 0},
	OpNeq:      {"neq", scalar, oneLiteral, scalar, OpEq, true, "is not", 0},
	OpIn:       {"in", scalar, setOfLiterals, scalar, OpNin, false, "is one of", OpEq},
	OpNin:      {"nin", scalar, setOfLiterals, scalar, OpIn, true, "is none of", OpNeq},
	OpEmpty:    {"empty", text | list, noOperand, 0, OpNempty, false, "is empty", 0},
	OpNempty:   {"nempty", text | list, noOperand, 0, OpEmpty, true, "is not empty", 0},
	OpBetween:  {"between", ordered | temporal, pairOfLiterals, ordered | temporal, OpNbetween, false, "is between", 0},
	OpNbetween: {"nbetween", ordered | temporal, pairOfLiterals, ordered | temporal, OpBetween, true, "is not between", 0},

	OpContains:  {"contains", text, oneLiteral, text, OpNcontains, false, "contains", 0},
	OpNcontains: {"ncontains", text, oneLiteral, text, OpContains, true, "does not contain", 0},
	OpStarts:    {"starts", text, oneLiteral, text, OpNstarts, false, "starts with", 0},
	OpNstarts:   {"nstarts", text, oneLiteral, text, OpStarts, true, "does not start with", 0},
	OpEnds:      {"ends", text, oneLiteral, text, OpNends, false, "ends with", 0},
	OpNends:     {"nends", text, oneLiteral, text, OpEnds, true, "does not end with", 0},
	OpLike:      {"like", text, oneLiteral, text, 0, false, "is like", 0},
	OpRegex:     {"regex", text, oneLiteral, text, 0, false, "matches", 0},
	OpLengthEq:  {"length_eq", text, aSize, 0, 0, false, "has length", 0},
	OpLengthGte: {"length_gte", text, aSize, 0, 0, false, "has at least length", 0},
	OpLengthLte: {"length_lte", text, aSize, 0, 0, false, "has at most length", 0},

	OpLt:  {"lt", ordered, oneLiteral, ordered, 0, false, "is less than", 0},
	OpLte: {"lte", ordered, oneLiteral, ordered, 0, false, "is at most", 0},
	OpGt:  {"gt", ordered, oneLiteral, ordered, 0, false, "is more than", 0},
	OpGte: {"gte", ordered, oneLiteral, ordered, 0, false, "is at least", 0},

	OpTrue:  {"is_true", setOf(TypeBool), noOperand, 0, 0, false, "is true", 0},
	OpFalse: {"is_false", setOf(TypeBool), noOperand, 0, 0, false, "is false", 0},

	OpOn:            {"on", temporal, oneLiteral, setOf(TypeDate), 0, false, "is on", 0},
	OpBefore:        {"before", temporal, oneLiteral, temporal, 0, false, "is before", 0},
	OpAfter:         {"after", temporal, oneLiteral, temporal, 0, false, "is after", 0},
	OpLast:          {"last", temporal, aSpan, 0, 0, false, "is in the last", 0},
	OpNext:          {"next", temporal, aSpan, 0, 0, false, "is in the next", 0},
	OpMoreThanAgo:   {"more_than_ago", temporal, aSpan, 0, 0, false, "is longer ago than", 0},
	OpMoreThanAhead: {"more_than_ahead", temporal, aSpan, 0, 0, false, "is further ahead than", 0},
	OpDuring:        {"during", temporal, aPeriod, 0, 0, false, "is", 0},
	OpAnniversary:   {"anniversary", temporal, anAnniversary, 0, 0, false, "has its anniversary", 0},
	OpWeekday:       {"day_of_week", temporal, someWeekdays, 0, 0, false, "is on a", 0},
	OpHour:          {"hour_of_day", setOf(TypeDatetime), someHours, 0, 0, false, "is in the hours", 0},
	OpPassed:        {"passed", temporal, noOperand, 0, 0, false, "has passed", 0},

	OpHas:     {"has", list, oneLiteral, element, 0, false, "has", 0},
	OpHasAny:  {"has_any", list, setOfLiterals, element, OpHasNone, false, "has one of", OpHas},
	OpHasNone: {"has_none", list, setOfLiterals, element, OpHasAny, true, "has none of", 0},
	OpHasAll:  {"has_all", list, setOfLiterals, element, 0, false, "has all of", OpHas},
	OpSizeEq:  {"size_eq", list, aSize, 0, 0, false, "has size", 0},
	OpSizeGte: {"size_gte", list, aSize, 0, 0, false, "has at least size", 0},
	OpSizeLte: {"size_lte", list, aSize, 0, 0, false, "has at most size", 0},
}

// unsupportedOperators are words the language reserves.
var unsupportedOperators = map[string]bool{"changed_in": true, "been": true, "elem": true, "is_type": true}

// ParseOperator finds an operator by its word in documents.
func ParseOperator(s string) (Operator, bool) {
	for op := OpSet; int(op) < len(operators); op++ {
		if operators[op].word == s {
			return op, true
		}
	}
	return 0, false
}

func (o Operator) known() bool { return o > 0 && int(o) < len(operators) }

func (o Operator) row() operator {
	if !o.known() {
		return operator{}
	}
	return operators[o]
}

// String is the operator's word in documents, as "ncontains".
func (o Operator) String() string {
	if !o.known() {
		return "#"
	}
	return operators[o].word
}

// AppliesTo reports whether the operator can be asked of values of a type.
func (o Operator) AppliesTo(t Type) bool { return o.row().applies.has(t) }

// Negative reports whether the operator is true for what is missing.
func (o Operator) Negative() bool { return o.row().negative }

// Complement is the operator that is true exactly where this one is not, with
// the same operand; false if there is none.
func (o Operator) Complement() (Operator, bool) {
	c := o.row().complement
	return c, c != 0
}

// typeOf is the type of a literal, 0 for other values.
func typeOf(v Value) Type {
	switch v.(type) {
	case Text:
		return TypeString
	case Number:
		return TypeNumber
	case Money:
		return TypeMoney
	case Date:
		return TypeDate
	case Instant:
		return TypeDatetime
	}
	return 0
}
