package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/internal/scratch"
)

// patient is a platform whose health is examined.
type patient struct {
	*stack.Platform
	t     *testing.T
	store string
	path  string // of SQLite's file
}

// admit makes a platform on an empty database; migrated only if that is said.
func admit(t *testing.T, store string, migrated bool, cfg stack.Config) *patient {
	t.Helper()
	dsn, drop, err := scratch.Make(t.Context(), store)
	must(t, err)
	t.Cleanup(drop)
	cfg.Email = make(letters, 10)
	p, err := scratch.Open(t.Context(), store, dsn, cfg)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	if migrated {
		must(t, p.Migrate(t.Context()))
	}
	return &patient{p, t, store, dsn}
}

// exec runs a statement, by dialect where they differ.
func (p *patient) exec(statements ...string) {
	p.t.Helper()
	statement := statements[0]
	if i := slices.Index(scratch.Stores, p.store); len(statements) > 1 {
		statement = statements[i]
	}
	_, err := p.Database.ExecContext(p.t.Context(), statement)
	must(p.t, err)
}

func (p *patient) examine() stack.Report {
	p.t.Helper()
	report, err := p.Doctor(p.t.Context())
	must(p.t, err)
	return report
}

// find wants a finding, with everything that a person needs.
func (p *patient) find(report stack.Report, severity bunstore.Severity, code, object string) {
	p.t.Helper()
	for _, f := range report.Findings {
		if f.Code == code && f.Severity == severity && strings.Contains(f.Object, object) {
			if f.Means == "" || f.Fix == "" || !strings.Contains(report.String(), f.Fix) {
				p.t.Errorf("the finding explains nothing: %+v", f)
			}
			return
		}
	}
	p.t.Errorf("no %s %s of %q in:\n%s", severity, code, object, report)
}

func (p *patient) publish(ws engage.WorkspaceID) {
	p.t.Helper()
	must(p.t, p.Tx.InTx(p.t.Context(), ws, func(ctx context.Context) error { return p.Publisher.Publish(ctx, ws, sneezed{}) }))
}

type sneezed struct{}

func (sneezed) EventName() string        { return "test.patient.sneezed.v1" }
func (sneezed) EventSubject() engage.Ref { return engage.Ref{} }

func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, store := range scratch.Stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"postgres": "ENGAGE_TEST_POSTGRES", "mysql": "ENGAGE_TEST_MYSQL"}[store]
			if env != "" && os.Getenv(env) == "" && os.Getenv("ENGAGE_TEST_REQUIRED") == "" {
				t.Skipf("%s is not set", env)
			}
			for _, c := range doctorCases {
				t.Run(c.finds, func(t *testing.T) {
					t.Parallel()
					c.test(t, store)
				})
			}
		})
	}
}

var doctorCases = []struct {
	finds string
	test  func(t *testing.T, store string)
}{
	{"nothing in a healthy installation, and tells the facts", func(t *testing.T, store string) {
		p := admit(t, store, true, stack.Config{})
		p.publish(engage.WorkspaceID{1})
		must(t, p.Drain(t.Context()))
		report := p.examine()
		if len(report.Findings) != 0 || report.Err() != nil || !strings.Contains(report.String(), "Nothing to fix.") {
			t.Errorf("got %v and\n%s", report.Err(), report)
		}
		for _, fact := range []string{"server", "database", "size", "clock offset", "schemas", "consumer segments", "write pool"} {
			if !slices.ContainsFunc(report.Facts, func(f bunstore.Fact) bool { return f.Name == fact && f.Value != "" }) {
				t.Errorf("no fact %q in\n%s", fact, report)
			}
		}
	}},
	{"migrations that were not run", func(t *testing.T, store string) {
		p := admit(t, store, false, stack.Config{})
		report := p.examine()
		p.find(report, bunstore.Critical, "migration_pending", "core/0001")
		p.find(report, bunstore.Critical, "migration_pending", "contacts/0001")
		if engage.CodeOf(report.Err()) != engage.FailedPrecondition {
			t.Errorf("Err answers %v", report.Err())
		}
		if engage.CodeOf(p.Ready(t.Context())) != engage.FailedPrecondition {
			t.Errorf("Ready answers %v", p.Ready(t.Context()))
		}
	}},
	{"tables and indexes that are gone", func(t *testing.T, store string) {
		p := admit(t, store, true, stack.Config{})
		for table, index := range map[string]string{
			"engage_contacts": "engage_contacts_updated_at_id_ix", "engage_contacts_tags": "engage_contacts_tags_name_key_ux",
		} {
			p.exec("DROP INDEX "+index, "DROP INDEX "+index, "DROP INDEX "+index+" ON "+table)
		}
		p.exec("DROP TABLE engage_contacts_timeline")
		report := p.examine()
		p.find(report, bunstore.Warning, "index_missing", "engage_contacts_updated_at_id_ix")
		p.find(report, bunstore.Critical, "index_missing", "engage_contacts_tags_name_key_ux")
		p.find(report, bunstore.Critical, "table_missing", "engage_contacts_timeline")
		if !slices.IsSortedFunc(report.Findings, func(a, b bunstore.Finding) int { return int(b.Severity) - int(a.Severity) }) {
			t.Errorf("the worst does not stand first:\n%s", report)
		}
	}},
	{"schemas of other programs", func(t *testing.T, store string) {
		p := admit(t, store, true, stack.Config{})
		p.exec("UPDATE engage_migrations SET checksum = 'edited' WHERE domain = 'segments'")
		for _, newer := range []string{"'contacts', 2", "'messaging', 2", "'messaging', 3"} {
			at := "0"
			if store == "postgres" {
				at = "'2026-01-01'"
			}
			p.exec("INSERT INTO engage_migrations (domain, version, name, checksum, applied_at) VALUES (" + newer + ", 'newer', 'x', " + at + ")")
		}
		report := p.examine()
		p.find(report, bunstore.Critical, "migration_edited", "segments/0001")
		p.find(report, bunstore.Notice, "schema_newer", "contacts")
		p.find(report, bunstore.Critical, "schema_newer", "messaging")
	}},
	{"a clock that others do not share", func(t *testing.T, store string) {
		clock := engage.NewManualClock(engage.SystemClock{}.Now().Add(time.Hour))
		p := admit(t, store, true, stack.Config{Clock: clock})
		p.find(p.examine(), bunstore.Critical, "clock_offset", "m")
	}},
	{"events that failed", func(t *testing.T, store string) {
		allergic := engage.NewConsumer("allergic")
		engage.On(allergic, func(context.Context, engage.WorkspaceID, []engage.Received[sneezed]) error {
			return errors.New("atchoo")
		})
		p := admit(t, store, true, stack.Config{Consumers: []*engage.Consumer{allergic}})
		p.publish(engage.WorkspaceID{1})
		must(t, p.Drain(t.Context()))
		p.find(p.examine(), bunstore.Warning, "events_parked", "allergic")
		stats, err := p.Stats(t.Context())
		must(t, err)
		if !slices.ContainsFunc(stats.Consumers, func(c stack.ConsumerStats) bool { return c.Consumer == "allergic" && c.Parked == 1 }) {
			t.Errorf("the statistics say %+v", stats.Consumers)
		}
	}},
	{"what waits, and for whom", func(t *testing.T, store string) {
		clock := engage.NewManualClock(engage.SystemClock{}.Now())
		p := admit(t, store, true, stack.Config{Clock: clock})
		ws := engage.WorkspaceID{1}
		p.publish(ws)
		clock.Advance(10 * time.Minute)
		if store != "sqlite" { // which numbers slices as it writes them
			p.find(p.examine(), bunstore.Critical, "sequencer_idle", "engage_log")
			_, err := p.SQL.Sequence(t.Context())
			must(t, err)
		}
		p.find(p.examine(), bunstore.Warning, "consumer_lagging", "segments") // it has never run
		stats, err := p.Stats(t.Context())
		must(t, err)
		for _, c := range stats.Consumers {
			if c.Slices != 1 || c.Lag(clock.Now()) != 10*time.Minute {
				t.Errorf("%s is %d slices and %s behind", c.Consumer, c.Slices, c.Lag(clock.Now()))
			}
		}
		must(t, p.Drain(t.Context()))
		clock.Advance(bunstore.AbandonedAfter + time.Hour)
		p.publish(ws)
		if store != "sqlite" {
			_, err := p.SQL.Sequence(t.Context())
			must(t, err)
		}
		p.find(p.examine(), bunstore.Warning, "cursor_abandoned", "segments")
	}},
	{"settings that were changed, and a pool that is too small", func(t *testing.T, store string) {
		p := admit(t, store, true, stack.Config{})
		p.Database.SetMaxOpenConns(1) // so that the change meets every connection
		p.exec("PRAGMA synchronous = NORMAL", "SET synchronous_commit = off", "SET SESSION sql_mode = ''")
		report := p.examine()
		p.find(report, bunstore.Critical, "setting", map[string]string{
			"sqlite": "write.synchronous", "postgres": "write.synchronous_commit", "mysql": "write.sql_mode",
		}[store])
		if store != "sqlite" { // whose writer is one connection
			p.find(report, bunstore.Warning, "pool_small", "write pool")
		}
	}},
	{"keys that others may read", func(t *testing.T, store string) {
		p := admit(t, store, true, stack.Config{})
		dir := t.TempDir()
		open, closed := filepath.Join(dir, "open.key"), filepath.Join(dir, "closed.key")
		must(t, os.WriteFile(open, []byte("secret"), 0o644))
		must(t, os.WriteFile(closed, []byte("secret"), 0o600))
		report, err := p.Doctor(t.Context(), open, closed, filepath.Join(dir, "gone.key"), dir)
		must(t, err)
		p.find(report, bunstore.Critical, "key_file_open", "open.key")
		p.find(report, bunstore.Critical, "key_file_missing", "gone.key")
		p.find(report, bunstore.Critical, "key_file_open", dir)
		if strings.Contains(report.String(), "closed.key") {
			t.Errorf("a file that is its owner's alone is found:\n%s", report)
		}
	}},
	{"a database file that others may read", func(t *testing.T, store string) {
		if store != "sqlite" {
			t.Skip("a server keeps its files")
		}
		p := admit(t, store, true, stack.Config{})
		must(t, os.Chmod(filepath.Dir(p.path), 0o755))
		must(t, os.Chmod(p.path, 0o644))
		must(t, os.WriteFile(p.path+".key", []byte("secret"), 0o600))
		must(t, os.Chmod(p.path+".key", 0o640))
		report := p.examine()
		p.find(report, bunstore.Warning, "database_file_open", "engage.db")
		p.find(report, bunstore.Critical, "key_file_open", "engage.db.key")
	}},
}

func TestDoctorHasNothingToExamineInMemory(t *testing.T) {
	t.Parallel()
	p, err := stack.Memory(stack.Config{Email: make(letters)})
	must(t, err)
	if _, err := p.Doctor(t.Context()); !errors.Is(err, engage.ErrUnimplemented) {
		t.Errorf("got %v, want ErrUnimplemented", err)
	}
}

// An operator's command prints the report and ends with Err.
func ExamplePlatform_Doctor() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "doctor")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	platform, err := stack.SQLite(ctx, filepath.Join(dir, "engage.db"), stack.Config{Email: printer{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = platform.Close() }()
	if err := platform.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := platform.Database.ExecContext(ctx, "DROP INDEX engage_contacts_tags_name_key_ux"); err != nil {
		fmt.Println(err)
		return
	}
	report, err := platform.Doctor(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	report.Facts = nil // they differ from machine to machine
	report.Findings = report.Findings[:1]
	fmt.Print(report)
	fmt.Println(report.Err())
	// Output:
	//
	// CRITICAL: index_missing engage_contacts_tags_name_key_ux
	//   what must be unique may come twice.
	//   Fix: make it again with its statement in contacts/0001_contacts (bunstore.DumpSQL writes it).
	// stack.Doctor: failed precondition: index_missing engage_contacts_tags_name_key_ux
}
