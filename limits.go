package engage

// MaxBatch is the number of items a port takes in one call; more answer
// ErrInvalid. Services take any number and run chunk by chunk. A chunk of 1,000
// is where a row's cost stops falling, and one chunk is one transaction.
const MaxBatch = 1000

// MaxKeyBytes is the length of a natural key (an identity's value, a name that
// must be unique): what an index of every supported database holds.
const MaxKeyBytes = 255

// CheckCall answers ErrInvalid for the zero workspace and for more than MaxBatch
// items. Adapters begin with it what they do for one workspace.
func CheckCall(op string, ws WorkspaceID, items int) error {
	var faults Faults
	if ws.IsZero() {
		faults.Add("workspace", "required", "the zero workspace is refused")
	}
	if items > MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d a call", items, MaxBatch)
	}
	return faults.Err(op, "")
}
