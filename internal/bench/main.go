// Command bench measures whole paths of the suite against floors: the same work
// on the plain driver, in the same tables, with the same durability, alternating
// with ours in one run. Maintainers run it before a release; the gate of each
// change runs it quickly, to see that it works.
//
//	go run ./internal/bench -list
//	go run ./internal/bench -store postgres ingest
//	go run ./internal/bench -quick
//
// Only ratios count: absolute rates move with the machine's mood.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/go-engage/engage/internal/scratch"
)

// benchmark is one path and its floor.
type benchmark struct {
	name, about string
	// start prepares a database and answers the two sides, each of which does n
	// units of work.
	start func(ctx context.Context, store, dsn string) (sides, error)
	n     int // units a measurement
}

// sides are the two that are compared.
type sides struct {
	// prepare makes what a measurement of n units uses up; nil: nothing.
	prepare     func(ctx context.Context, n int) error
	floor, ours func(ctx context.Context, n int) error
	// figure is what the last measurement is worth, the more the better; nil:
	// units a second.
	figure func() float64
	close  func() error
}

var benchmarks = []benchmark{
	{"ingest", "events through the service, committed and deduplicated, with their slice (floor: the store's fastest insert)", startIngest, 20_000},
	{"writes", "event rows through the repository, committed and deduplicated (floor: the store's fastest insert)", startWrites, 20_000},
	{"publish", "domain events into the log (floor: the same slices inserted by hand)", startPublish, 50_000},
	{"consume", "domain events out of the log with a cursor (floor: reading the slices and moving a cursor by hand)", startConsume, 50_000},
	{"consume-decoded", "the same (floor: it decodes the payloads, too, with encoding/json)", startConsumeDecoded, 50_000},
	{"seal", "secrets sealed under the workspace's newest data key (floor: reading its row and bare AES-256-GCM)", startSeal, 20_000},
	{"open", "sealed secrets opened under a data key in the process (floor: bare AES-256-GCM)", startOpen, 200_000},
	{"tenants-100", "single events through the Collector, over 100 workspaces (floor: the same load on one)", startTenants(100), 20_000},
	{"tenants-10000", "single events through the Collector, over 10,000 workspaces (floor: the same load on one)", startTenants(10_000), 20_000},
	{"flood", "1 ÷ the 99th percentile from append to consumer while another workspace floods (floor: without the flood)", startFlood, 300},
	{"smtp", "8 KiB messages composed and sent over one connection (floor: the same bytes, a command a round trip)", startSMTP, 5_000},
	{"netguard", "8 KiB fetched over a kept connection through a policy (floor: a plain http.Client)", startNetguard(false), 20_000},
	{"netguard-dial", "the same over a new connection each (floor: the same)", startNetguard(true), 5_000},
	{"overload", "events accepted while ten times as many are offered as can be written (floor: that capacity)", startOverload, 100_000},
}

// line is one measurement, as -json prints it.
type line struct {
	Name  string  `json:"name"`
	Store string  `json:"store"`
	N     int     `json:"n"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Floor float64 `json:"floor"`
	Ratio float64 `json:"ratio"`
}

func main() {
	var (
		list   = flag.Bool("list", false, "list the benchmarks")
		quick  = flag.Bool("quick", false, "one small pair of each, on SQLite: that it works, not how fast")
		store  = flag.String("store", "sqlite", "sqlite, postgres or mysql")
		pairs  = flag.Int("pairs", 5, "pairs of measurements")
		asJSON = flag.Bool("json", false, "print an object a pair")
		units  = flag.Int("n", 0, "units a measurement; 0: what each benchmark takes")
	)
	profile := flag.String("cpuprofile", "", "write a CPU profile of the process to a file")
	flag.Parse()
	benchmarks = append(benchmarks, transports()...)
	if *profile != "" {
		stop, err := profiling(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer stop()
	}
	if *list {
		for _, b := range benchmarks {
			fmt.Println(b.name, "-", b.about)
		}
		return
	}
	if *quick {
		*pairs = 1
	}
	for _, b := range benchmarks {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), b.name) {
			continue
		}
		n := b.n
		if *quick {
			n /= 10
		}
		if *units > 0 {
			n = *units
		}
		if err := measure(context.Background(), b, *store, n, *pairs, *asJSON); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s on %s: %v\n", b.name, *store, err)
			os.Exit(1)
		}
	}
}

// measure alternates floor and ours, and prints the median of the ratios with
// the least and the greatest.
func measure(ctx context.Context, b benchmark, store string, n, pairs int, asJSON bool) error {
	dsn, drop, err := scratch.Make(ctx, store)
	if err != nil {
		return err
	}
	defer drop()
	s, err := b.start(ctx, store, dsn)
	if err != nil {
		return err
	}
	rate := func(side func(context.Context, int) error) (float64, error) {
		if s.prepare != nil {
			if err := s.prepare(ctx, n); err != nil {
				return 0, err
			}
		}
		began := time.Now()
		err := side(ctx, n)
		if s.figure != nil && err == nil {
			return s.figure(), nil
		}
		return float64(n) / time.Since(began).Seconds(), err
	}
	// The first pair meets an empty table and cold caches; it is not counted.
	var ratios, rates, floors []float64
	for pair := range pairs + 1 {
		before, err := rate(s.floor)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		ours, err := rate(s.ours)
		if err != nil {
			return fmt.Errorf("ours: %w", err)
		}
		after, err := rate(s.floor)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		floor := 2 / (1/before + 1/after)
		if pair == 0 && pairs > 1 {
			continue
		}
		ratios, rates, floors = append(ratios, ours/floor), append(rates, ours), append(floors, floor)
		if asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(line{b.name, store, n, ours, "units/s", floor, ours / floor}); err != nil {
				return err
			}
		}
	}
	if !asJSON {
		fmt.Printf("%-14s %-9s ours %9.0f/s  floor %9.0f/s  ratio %.2f (%.2f–%.2f)\n",
			b.name, store, median(rates), median(floors), median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	return s.close()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func profiling(path string) (stop func(), err error) {
	f, err := os.Create(path) //nolint:gosec // the maintainer's own path
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}
