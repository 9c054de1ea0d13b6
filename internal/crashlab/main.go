// Command crashlab kills a program that uses the suite, at random times and at
// named points, or halts it, or asks it to stop, and counts what its database says
// afterwards against what the program had acknowledged. Maintainers run it before
// a release, and the gate of each change runs a twentieth of it.
//
//	go run ./internal/crashlab -list
//	go run ./internal/crashlab -scenario writes -store sqlite -kills 200 -seed 1
//	go run ./internal/crashlab -scenario fleet -store postgres -kills 50 -seed 1
//	go run ./internal/crashlab -scenario graceful -store mysql -kills 200 -seed 1
//
// The parent owns the truth: it reads what its child acknowledges, kills it, and
// starts the next one on the same database. It prints one JSON object and exits
// with 1 if anything was lost or doubled; a scenario that a store is not for says
// so and exits with 0. ENGAGE_TEST_POSTGRES and ENGAGE_TEST_MYSQL name the
// servers; each run uses a schema or a database of its own there.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
)

// scenario is something that a program does while it is killed.
type scenario struct {
	name, about string
	// child works until it is killed, or with drain until nothing is left.
	child func(ctx context.Context, c childConfig) error
	// check compares the database with what was acknowledged; nil where parents has the scenario.
	check func(ctx context.Context, c childConfig, acknowledged []string) (result, error)
}

var scenarios = []scenario{
	{"fleet", "four processes send mails; one at a time is halted for three leases and goes on", mailsChild, nil},
	{"graceful", "a process sends mails and is asked to stop, again and again", mailsChild, nil},
	{"moves", "workspaces move between two databases while they are written to and consumed", movesChild, movesCheck},
	{"writes", "contacts are written with their events, and a consumer counts them", writesChild, writesCheck},
	brokersScenario("brokers", "the same, and the consumer is fed through NATS", overNATS),
	brokersScenario("brokers-redis", "the same through Redis Streams", overRedis),
	brokersScenario("brokers-amqp", "the same through RabbitMQ", overAMQP),
}

// result is what a run found.
type result struct {
	Scenario     string   `json:"scenario"`
	Store        string   `json:"store"`
	Seed         uint64   `json:"seed"`
	Kills        int      `json:"kills"`
	Acknowledged int      `json:"acknowledged"`
	Lost         int      `json:"lost"`            // acknowledged, and not there
	Duplicated   int      `json:"duplicated"`      // effects that happened more than once
	Refused      int      `json:"refused"`         // mails whose outcome came too late
	Moves        int64    `json:"moves,omitempty"` // of workspaces that came to their end
	Unknown      int      `json:"unknown"`         // there, and not acknowledged: the answer died with the child
	Violations   []string `json:"violations"`
}

func main() {
	var (
		list  = flag.Bool("list", false, "list the scenarios")
		name  = flag.String("scenario", "writes", "the scenario to run")
		store = flag.String("store", "sqlite", "sqlite, postgres or mysql")
		kills = flag.Int("kills", 200, "how often a child is killed, halted or asked to stop")
		seed  = flag.Uint64("seed", 1, "of the times and points at which that happens")
		child = flag.String("child", "", "used by the parent: the child's configuration")
	)
	flag.Parse()
	if *list {
		for _, s := range scenarios {
			fmt.Println(s.name, "-", s.about)
		}
		return
	}
	at := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == *name })
	if at < 0 {
		fmt.Fprintf(os.Stderr, "no scenario %q\n", *name)
		os.Exit(2)
	}
	if err := run(scenarios[at], *store, *kills, *seed, *child); err != nil {
		fmt.Fprintln(os.Stderr, "crashlab:", err)
		os.Exit(1)
	}
}

func run(s scenario, store string, kills int, seed uint64, child string) error {
	ctx := context.Background()
	if child != "" {
		var c childConfig
		if err := json.Unmarshal([]byte(child), &c); err != nil {
			return err
		}
		return s.child(ctx, c)
	}
	begin := torture
	if p, ok := parents[s.name]; ok {
		if why, ok := p.not[store]; ok {
			fmt.Printf("%s on %s is skipped: %s\n", s.name, store, why)
			return nil
		}
		begin = p.run
	}
	found, err := begin(ctx, s, store, kills, seed)
	if err != nil {
		return err
	}
	violations := len(found.Violations)
	found.Violations = found.Violations[:min(violations, 10)] // enough to look for the rest
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return err
	}
	if found.Lost+found.Duplicated+violations > 0 {
		return fmt.Errorf("%d lost, %d duplicated, %d violations", found.Lost, found.Duplicated, violations)
	}
	return nil
}
