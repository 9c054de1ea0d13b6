package watermillbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-engage/engage"
)

// Config is what runners of consumers are made of. Tx and Log are required, and
// of one store; the zero value of the rest works.
type Config struct {
	Tx  engage.Transactor
	Log engage.EventLog

	Clock     engage.Clock     // nil: engage.SystemClock
	Logger    *slog.Logger     // nil: discards
	Telemetry engage.Telemetry // nil: discards

	// Owner names this process in claims, for people who look at them.
	// "": a random name.
	Owner string
	// Lease is how long a claim lasts without progress. 0: DefaultLease.
	Lease time.Duration
	// Grace is how long a transaction in progress may go on once the worker's
	// ctx has ended; after it the transaction is rolled back, and its events
	// come again. 0: DefaultGrace.
	Grace time.Duration

	Partitions int // claimed in a step; 0: DefaultPartitions
	Slices     int // read at once from a partition; 0: DefaultSlices
	Events     int // of a transaction, about; 0: DefaultEvents
	Parked     int // events tried again in a step; 0: DefaultParked

	// Backoff is the wait after a number of failed attempts. nil:
	// engage.Backoff. Tests give one without chance.
	Backoff func(attempts int) time.Duration
}

// resolve fills the defaults in and lists what is wrong.
func (cfg Config) resolve(faults *engage.Faults) Config {
	if cfg.Tx == nil {
		faults.Add("tx", "required", "a Transactor is required")
	}
	if cfg.Log == nil {
		faults.Add("log", "required", "an EventLog is required")
	}
	for _, n := range []struct {
		path  string
		value *int
		unset int
	}{
		{"partitions", &cfg.Partitions, DefaultPartitions},
		{"slices", &cfg.Slices, DefaultSlices},
		{"events", &cfg.Events, DefaultEvents},
		{"parked", &cfg.Parked, DefaultParked},
	} {
		if *n.value < 0 {
			faults.Add(n.path, "out_of_range", "%d is negative", *n.value)
		}
		if *n.value == 0 {
			*n.value = n.unset
		}
	}
	if cfg.Parked > engage.MaxBatch {
		faults.Add("parked", "too_many", "%d, at most %d", cfg.Parked, engage.MaxBatch)
	}
	if cfg.Lease < 0 || cfg.Grace < 0 {
		faults.Add("lease", "out_of_range", "lease and grace are not negative")
	}
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Grace == 0 {
		cfg.Grace = min(DefaultGrace, cfg.Lease)
	}
	if cfg.Clock == nil {
		cfg.Clock = engage.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Telemetry == nil {
		cfg.Telemetry = silent{}
	}
	if cfg.Owner == "" {
		cfg.Owner = rand.Text()
	}
	if cfg.Backoff == nil {
		cfg.Backoff = engage.Backoff
	}
	return cfg
}

type silent struct{}

func (silent) Count(context.Context, string, int64, ...string)    {}
func (silent) Record(context.Context, string, float64, ...string) {}
func (silent) Span(ctx context.Context, _ string, _ ...string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Consumers runs consumers of the log, each in a worker of its own. Any number
// of processes may run the same ones: they share the partitions by claims.
type Consumers struct{ workers []*worker }

// NewConsumers makes the workers of consumers. A missing collaborator, a
// consumer without a name and two of one name answer ErrInvalid.
func NewConsumers(cfg Config, consumers ...*engage.Consumer) (*Consumers, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&faults)
	names := map[string]bool{}
	all := &Consumers{}
	for i, consumer := range consumers {
		path := fmt.Sprintf("consumers[%d]", i)
		if consumer == nil {
			faults.Add(path, "required", "the consumer is nil")
			continue
		}
		checkName(&faults, path, consumer.Name())
		if names[consumer.Name()] {
			faults.Add(path, "duplicate", "%q is named twice", consumer.Name())
		}
		names[consumer.Name()] = true
		all.workers = append(all.workers, newWorker("watermillbus.consumer."+consumer.Name(), newReader(cfg, consumer.Name(), newHandling(cfg, consumer))))
	}
	if err := faults.Err("watermillbus.NewConsumers", ""); err != nil {
		return nil, err
	}
	return all, nil
}

// checkName holds the name of a cursor to what stores take.
func checkName(faults *engage.Faults, path, name string) {
	switch {
	case name == "":
		faults.Add(path, "required", "a consumer has a name, under which its cursor is stored")
	case len(name) > engage.MaxKeyBytes:
		faults.Add(path, "too_long", "%d bytes of name, at most %d", len(name), engage.MaxKeyBytes)
	}
}

// Workers are the consumers' workers, one each. Besides engage.Worker they have
// the methods of engage.Loop: Step, Poke, Ready and Stats.
func (c *Consumers) Workers() []engage.Worker {
	workers := make([]engage.Worker, len(c.workers))
	for i, w := range c.workers {
		workers[i] = w
	}
	return workers
}

// Step runs one step of each consumer and answers how many events they passed.
// Tests drive consumers with it, until it answers 0.
func (c *Consumers) Step(ctx context.Context) (int, error) {
	total := 0
	var failed []error
	for _, w := range c.workers {
		n, err := w.Step(ctx)
		total += n
		failed = append(failed, err)
	}
	return total, errors.Join(failed...)
}

// Poke has all consumers look for events now, instead of at their next poll. It
// never blocks: a store that knows when slices become readable calls it.
func (c *Consumers) Poke() {
	for _, w := range c.workers {
		w.Poke()
	}
}

// Ready reports whether every consumer has finished a step without an error.
func (c *Consumers) Ready() bool {
	for _, w := range c.workers {
		if !w.Ready() {
			return false
		}
	}
	return true
}

// worker is the loop of one reader.
type worker struct {
	*engage.Loop
	reader *reader
}

func newWorker(name string, r *reader) *worker {
	return &worker{Loop: engage.NewLoop(name, r.cfg.Logger, r.step), reader: r}
}

// Run repeats the reader's step until ctx ends. The transaction in progress then
// finishes within the grace or rolls back; either way the claims are given back.
func (w *worker) Run(ctx context.Context) error {
	defer w.reader.releaseHolds(context.WithoutCancel(ctx))
	return w.Loop.Run(ctx)
}
