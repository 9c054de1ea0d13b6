package contacts

const (
	// MaxIdentities is the number of identities of one contact. Devices add
	// anonymous ids for years; beyond this the oldest are of no use.
	MaxIdentities = 100
	// MaxNameBytes is the length of a tag's or a list's name.
	MaxNameBytes = 100
	// identifyAttempts is how often Identify looks again when another writer
	// took one of its identities meanwhile.
	identifyAttempts = 4
)
