package amqpbus_test

import (
	"fmt"

	"github.com/go-engage/engage/adapters/amqpbus"
)

// An operator finds a group's queues by their names: one for each topic.
func ExampleQueue() {
	for _, topic := range []string{"engage-log-00", "engage-log-01"} {
		fmt.Println(amqpbus.Queue(topic, "segments"))
	}
	// Output:
	// engage-log-00_segments
	// engage-log-01_segments
}
