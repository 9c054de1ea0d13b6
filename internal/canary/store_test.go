package canary

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit"
)

// TestNoTableHoldsASecret seals, publishes, audits and fails on each canary, and
// looks for it in every table, in the database's own files on SQLite, and in what
// was logged. The data keys as they were before they were wrapped, the host's
// keys and the texts of API keys are canaries, too.
func TestNoTableHoldsASecret(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		canaries := newCanaries()
		w := newWorld(t, db)
		for i, c := range canaries {
			w.put(t, i, c)
		}
		w.settle(t)

		out := w.dump(t)
		canaries = append(canaries, w.found()...)
		if len(canaries) < len(kinds)+4 {
			t.Fatalf("%d canaries: want those of the data keys, the host's and the API keys besides %d", len(canaries), len(kinds))
		}
		if hits := find(canaries, out); len(hits) > 0 {
			t.Errorf("%d hits: %.2000q", len(hits), hits)
		}
		// What is looked for would be found: masks, sealed values and entries are there.
		for _, mark := range []string{"***", "accounts.secret.changed.v1", "sealing.key.created.v1", "no: [", "an event is parked"} {
			if !bytes.Contains(out, []byte(mark)) {
				t.Errorf("the dump of %d bytes does not hold %q", len(out), mark)
			}
		}
		for i, sealed := range w.sealed {
			plain, err := w.sealer.Open(t.Context(), w.ws, place(i), sealed)
			if err != nil || string(plain) != canaries[i].text {
				t.Errorf("%s opens as %q: %v", canaries[i].name, plain, err)
			}
			if hits := find(canaries, sealed); len(hits) > 0 {
				t.Errorf("a sealed value: %q", hits)
			}
		}
	})
}

// world is a database with the services that meet secrets.
type world struct {
	db       *testkit.Database
	store    *bunstore.Store
	ws       engage.WorkspaceID
	sealer   *sealing.Service
	provider *watched
	recorder *audit.Recorder
	keys     *apikeys.Service
	bus      *watermillbus.Consumers
	log      *lockedBuffer
	sealed   [][]byte
	shown    []engage.Secret // texts of API keys, and the host's key
}

func place(i int) string { return fmt.Sprintf("host_secrets.sealed:%d", i) }

func newWorld(t *testing.T, db *testkit.Database) *world {
	t.Helper()
	clock, log := engage.NewManualClock(start), &lockedBuffer{}
	w := &world{db: db, ws: engage.WorkspaceID{1}, log: log}
	w.store = testkit.Store(t, db, clock, bunsealing.Schema, bunaudit.Schema, bunapikeys.Schema)
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	entries, dataKeys, keys := bunaudit.NewEntries(w.store), bunsealing.NewKeys(w.store), bunapikeys.NewKeys(w.store)
	var err error
	w.recorder, err = audit.NewRecorder(audit.RecorderDeps{Events: w.store, Entries: entries, Clock: clock}, audit.Config{})
	no(t, err)
	rt := engage.Runtime{Tx: w.store, Events: w.recorder, Clock: clock, Log: logger}
	host := sealing.NewKey()
	w.shown = append(w.shown, host)
	static, err := sealing.NewStaticKeys(host)
	no(t, err)
	w.provider = &watched{KeyProvider: static}
	w.sealer, err = sealing.New(sealing.Deps{
		Runtime: rt, Keys: dataKeys, Across: dataKeys, Provider: w.provider, Leases: w.store.Leases(),
	}, sealing.Config{})
	no(t, err)
	w.keys, err = apikeys.New(apikeys.Deps{Runtime: rt, Keys: keys, Across: keys}, apikeys.Config{})
	no(t, err)
	trail, err := audit.New(audit.Deps{Runtime: rt, Entries: entries}, audit.Config{})
	no(t, err)
	// A consumer that fails, with the event in its error: it is parked with that.
	failing := engage.NewConsumer("failing")
	engage.On(failing, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[holder]) error {
		return fmt.Errorf("no: %+v", events)
	})
	w.bus, err = watermillbus.NewConsumers(watermillbus.Config{Tx: w.store, Log: w.store.Log(), Clock: clock, Logger: logger}, trail.Consumer(), failing)
	no(t, err)
	_, err = db.Write.ExecContext(t.Context(), "CREATE TABLE host_secrets (id INTEGER, sealed "+map[string]string{"postgres": "bytea"}[db.Name]+map[string]string{"mysql": "BLOB", "sqlite": "BLOB"}[db.Name]+")")
	no(t, err)
	return w
}

// put does with a canary what the suite does with secrets.
func (w *world) put(t *testing.T, i int, c canary) {
	t.Helper()
	ctx, secret := engage.WithActor(t.Context(), engage.Actor{Type: "user", ID: "usr_1"}), engage.NewSecret(c.text)
	ctx = engage.WithTrace(ctx, fmt.Sprint(secret))
	no(t, w.store.InTx(ctx, w.ws, func(ctx context.Context) error {
		sealed, err := w.sealer.Seal(ctx, w.ws, place(i), []byte(secret.Reveal()))
		if err != nil {
			return err
		}
		w.sealed = append(w.sealed, sealed)
		conn, _ := w.store.Conn(ctx)
		if _, err := conn.NewRaw("INSERT INTO host_secrets (id, sealed) VALUES (?, ?)", i, sealed).Exec(ctx); err != nil {
			return err
		}
		return w.recorder.Publish(ctx, w.ws, hold(c))
	}))
	_, text, err := w.keys.Create(ctx, w.ws, apikeys.NewKey{Name: fmt.Sprint(secret), Kind: apikeys.SecretKey, Permissions: []string{"contacts.read"}})
	no(t, err)
	w.shown = append(w.shown, text)
	_, err = w.keys.VerifyKey(ctx, text)
	no(t, err)
	if _, err := w.keys.VerifyKey(ctx, secret); err == nil {
		t.Errorf("%s is taken as an API key", c.name)
	}
	if i%8 == 0 {
		_, err := w.sealer.Rotate(ctx, w.ws)
		no(t, err)
	}
}

// settle runs what reads the log.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for range 20 {
		_, err := w.store.Sequence(t.Context())
		no(t, err)
		_, err = w.bus.Step(t.Context())
		no(t, err)
	}
}

// found are the canaries that were not known before.
func (w *world) found() []canary {
	w.provider.mu.Lock()
	defer w.provider.mu.Unlock()
	var all []canary
	for i, raw := range w.provider.seen {
		all = append(all, canary{name: fmt.Sprint("data key ", i+1), core: raw})
	}
	for i, secret := range w.shown {
		text := secret.Reveal()
		all = append(all, canary{name: fmt.Sprint("shown key ", i+1), core: []byte(text[len(text)-24:])})
	}
	return all
}

// dump is every table of the database as text, with the log; on SQLite also the
// files, where freed pages may hold more.
func (w *world) dump(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	out.Write(w.log.bytes())
	tables := tablesOf(t, w.db)
	if len(tables) < 8 {
		t.Fatalf("only the tables %q", tables)
	}
	for _, table := range tables {
		rows, err := w.db.Write.QueryContext(t.Context(), "SELECT * FROM "+table)
		no(t, err)
		dumpRows(t, &out, rows)
	}
	if w.db.Name == "sqlite" {
		path, _, _ := strings.Cut(strings.TrimPrefix(w.db.DSN, "file:"), "?")
		files, err := filepath.Glob(path + "*")
		no(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			no(t, err)
			out.Write(data)
		}
	}
	return out.Bytes()
}

func tablesOf(t *testing.T, db *testkit.Database) []string {
	t.Helper()
	var tables []string
	no(t, db.Write.NewRaw(map[string]string{
		"sqlite":   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
		"postgres": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
		"mysql":    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
	}[db.Name]).Scan(t.Context(), &tables))
	return tables
}

func dumpRows(t *testing.T, out *bytes.Buffer, rows *sql.Rows) {
	t.Helper()
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	no(t, err)
	for rows.Next() {
		values, pointers := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		no(t, rows.Scan(pointers...))
		for _, value := range values {
			out.Write(value)
			out.WriteByte('\n')
		}
	}
	no(t, rows.Err())
}

// watched keeps the data keys that it is given to wrap.
type watched struct {
	sealing.KeyProvider
	mu   sync.Mutex
	seen [][]byte
}

func (p *watched) Wrap(ctx context.Context, id string, key, bound []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, bytes.Clone(key))
	return p.KeyProvider.Wrap(ctx, id, key, bound)
}

// lockedBuffer is a buffer that goroutines may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}
