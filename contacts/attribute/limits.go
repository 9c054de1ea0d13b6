package attribute

const (
	// MaxValueBytes is the size of one value's JSON. A contact's document is
	// read with every evaluation, so large texts belong elsewhere.
	MaxValueBytes = 32 << 10
	// MaxSetBytes is the size of one object's attributes together.
	MaxSetBytes = 128 << 10
	// MaxKeys is the number of attributes of one object.
	MaxKeys = 500
	// MaxKeyBytes is the length of an attribute's key.
	MaxKeyBytes = 100
	// MaxDigits is the length of a number, integer and fraction together.
	MaxDigits = 128
	// MaxDepth is how deep lists and objects nest.
	MaxDepth = 16
	// MaxDefinitions is the number of definitions a workspace has for one type
	// of object.
	MaxDefinitions = 1000
	// MaxOptions is the number of options an enum has.
	MaxOptions = 1000
)
