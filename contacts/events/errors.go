package events

import "fmt"

// item is the path of a field of a batch's item.
func item(i int, field string) string { return fmt.Sprintf("[%d].%s", i, field) }
