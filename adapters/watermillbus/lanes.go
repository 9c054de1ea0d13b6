package watermillbus

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// DefaultLanes is how many topics carry the log's 64 partitions through a
// broker. Each has one message under way for a consumer at a time, so it is the
// most processes that share a consumer's work.
const DefaultLanes = 8

// Lanes are the topics that a Relay publishes slices to and Receivers take them
// from. The zero value works; both sides have the same. A partition is always in
// one lane, so a workspace's slices are, too.
type Lanes struct {
	// Topic is the beginning of the topics' names. "": "engage-log".
	// Installations that share a broker have different ones: a receiver takes
	// what comes for its own log's.
	Topic string
	// Count is how many there are, up to engage.LogPartitions. 0: DefaultLanes.
	// A change moves partitions to other lanes: let the old ones run empty, or
	// the log serves what comes in another order.
	Count int
}

// Names are the topics, as "engage-log-00": letters, digits and hyphens, which
// every broker takes.
func (l Lanes) Names() []string {
	names := make([]string, l.count())
	for i := range names {
		names[i] = l.name(i)
	}
	return names
}

// Of is the topic that carries a partition.
func (l Lanes) Of(partition engage.Partition) string { return l.name(int(partition) % l.count()) }

func (l Lanes) count() int {
	if l.Count == 0 {
		return DefaultLanes
	}
	return l.Count
}

func (l Lanes) name(i int) string {
	topic := l.Topic
	if topic == "" {
		topic = "engage-log"
	}
	return fmt.Sprintf("%s-%02d", topic, i)
}

func (l Lanes) check(faults *engage.Faults) {
	if l.Count < 0 || l.Count > engage.LogPartitions {
		faults.Add("lanes.count", "out_of_range", "%d lanes, at most %d", l.Count, engage.LogPartitions)
	}
}

// The metadata of a message that carries a slice, besides MetadataWorkspace. Its
// UUID is the slice's id.
const (
	MetadataShard     = "shard"     // engage.Shard of the log
	MetadataPartition = "partition" // engage.Partition
	MetadataPosition  = "position"  // engage.Position
)

// carried is a slice on its way through a broker. Without events it only says
// that there is one, which the receiver reads from the log.
type carried struct {
	shard engage.Shard
	from  string // fromBroker or fromLog
	engage.Slice
}

// Where a receiver has a slice from, as telemetry tells it.
const (
	fromBroker = "broker"
	fromLog    = "log"
)

// sliceMessage makes a message of a slice: its UUID is the slice's id.
func sliceMessage(c carried) (*message.Message, error) {
	var payload message.Payload
	if len(c.Events) > 0 {
		encoded, err := engage.EncodeSlice(c.Events)
		if err != nil {
			return nil, err
		}
		payload = encoded
	}
	msg := message.NewMessage(c.ID.String(), payload)
	msg.Metadata.Set(MetadataShard, string(c.shard))
	msg.Metadata.Set(MetadataWorkspace, c.Workspace.String())
	msg.Metadata.Set(MetadataPartition, strconv.Itoa(int(c.Partition)))
	msg.Metadata.Set(MetadataPosition, strconv.FormatInt(int64(c.Position), 10))
	return msg, nil
}

var errForeign = errors.New("its metadata name no place in the log")

// sliceOf reads what sliceMessage wrote; any other message answers ErrInvalid.
func sliceOf(msg *message.Message) (carried, error) {
	c := carried{shard: engage.Shard(msg.Metadata.Get(MetadataShard)), from: fromBroker}
	partition, err := strconv.ParseUint(msg.Metadata.Get(MetadataPartition), 10, 8)
	if err == nil && partition >= engage.LogPartitions {
		err = errForeign
	}
	position, positionErr := strconv.ParseInt(msg.Metadata.Get(MetadataPosition), 10, 64)
	if positionErr == nil && position < 1 {
		positionErr = errForeign
	}
	err = errors.Join(err, positionErr,
		c.Workspace.UnmarshalText([]byte(msg.Metadata.Get(MetadataWorkspace))),
		c.ID.UnmarshalText([]byte(msg.UUID)))
	if err == nil && len(msg.Payload) > 0 {
		c.Events, err = engage.DecodeSlice(msg.Payload)
	}
	if err != nil {
		return c, &engage.Error{Code: engage.Invalid, Op: "watermillbus.Receivers", Entity: msg.UUID, Err: err}
	}
	c.Partition, c.Position = engage.Partition(partition), engage.Position(position)
	return c, nil
}
