package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
)

// spareConnections are for a host's own calls, beside one for each worker.
const spareConnections = 4

// Report is what Doctor answers: facts for whoever looks, and findings with
// their severity, meaning and fix, the worst first.
type Report struct{ bunstore.Diagnosis }

// Doctor examines the installation: the database's settings, version and clock,
// the schemas with their tables and indexes, the log with its consumers, the
// pool, and the files that must be the owner's alone, which are SQLite's and the
// keyFiles that the host names. It changes nothing, and may run beside a
// platform at work. In memory there is nothing to examine: ErrUnimplemented.
func (p *Platform) Doctor(ctx context.Context, keyFiles ...string) (Report, error) {
	if p.SQL == nil {
		return Report{}, &engage.Error{Code: engage.Unimplemented, Op: "stack.Doctor", Entity: "a platform in memory"}
	}
	var consumers []string
	for _, w := range p.Workers() {
		if name, ok := strings.CutPrefix(w.Name(), consumerWorker); ok {
			consumers = append(consumers, name)
		}
	}
	diagnosis, err := p.SQL.Doctor(ctx, consumers, Schemas()...)
	if err != nil {
		return Report{}, err
	}
	report := Report{diagnosis}
	report.pools(p.SQL.Pools(), len(p.Workers()))
	for _, path := range keyFiles {
		report.keyFile(path)
	}
	if err := report.databaseFiles(ctx, p); err != nil {
		return Report{}, err
	}
	report.Sort()
	return report, nil
}

// Err is nil without a critical finding, else ErrFailedPrecondition that names
// them, for commands that end with a status.
func (r Report) Err() error {
	var critical []error
	for _, f := range r.Findings {
		if f.Severity == bunstore.Critical {
			critical = append(critical, errors.New(f.Code+" "+f.Object))
		}
	}
	if len(critical) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.FailedPrecondition, Op: "stack.Doctor", Err: errors.Join(critical...)}
}

// String is the report for a terminal: facts, then findings.
func (r Report) String() string {
	width := 0
	for _, f := range r.Facts {
		width = max(width, len(f.Name))
	}
	var b strings.Builder
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "%-*s  %s\n", width, f.Name, f.Value)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s: %s %s\n  %s.\n  Fix: %s.\n", strings.ToUpper(f.Severity.String()), f.Code, f.Object, f.Means, f.Fix)
	}
	if len(r.Findings) == 0 {
		b.WriteString("\nNothing to fix.\n")
	}
	return b.String()
}

func (r *Report) find(severity bunstore.Severity, code, object, means, fix string) {
	r.Findings = append(r.Findings, bunstore.Finding{Severity: severity, Code: code, Object: object, Means: means, Fix: fix})
}

// pools compares the pools with what the workers may hold. SQLite's writer is
// one connection by design.
func (r *Report) pools(pools []bunstore.Pool, workers int) {
	for _, pool := range pools {
		name := pool.Name + " pool"
		limit := fmt.Sprint(pool.MaxOpenConnections)
		if pool.MaxOpenConnections == 0 {
			limit = "unlimited"
		}
		r.Facts = append(r.Facts, bunstore.Fact{Name: name, Value: fmt.Sprintf("%d of %s in use, %d idle, waited %d times for %s",
			pool.InUse, limit, pool.Idle, pool.WaitCount, pool.WaitDuration)})
		writer := pool.Name == "write" && len(pools) > 1
		if need := workers + spareConnections; !writer && pool.MaxOpenConnections > 0 && pool.MaxOpenConnections < need {
			r.find(bunstore.Warning, "pool_small", fmt.Sprintf("%s: %d connections", name, pool.MaxOpenConnections),
				"workers and callers wait for each other", fmt.Sprintf("allow %d: one for each of %d workers and %d for calls", need, workers, spareConnections))
		}
	}
}

// keyFile examines a file that holds a secret.
func (r *Report) keyFile(path string) {
	switch info, err := os.Stat(path); {
	case err != nil:
		r.find(bunstore.Critical, "key_file_missing", path, "what it sealed can't be opened", "restore it from where keys are kept")
	case !info.Mode().IsRegular():
		r.find(bunstore.Critical, "key_file_open", path, "it is no regular file", "keep the key in a file of its own")
	case info.Mode().Perm()&0o077 != 0:
		r.find(bunstore.Critical, "key_file_open", fmt.Sprintf("%s (%s)", path, info.Mode().Perm()), "others on the machine read the key", "chmod 600 "+path)
	}
}

// databaseFiles examines SQLite's files, which hold everything.
func (r *Report) databaseFiles(ctx context.Context, p *Platform) error {
	if bunstore.DialectOf(p.Database) != bunstore.SQLite {
		return nil
	}
	var path string
	if err := p.Database.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return bunstore.MapError(ctx, "stack.Doctor", "", err)
	}
	// SQLite has its sealing key beside its file, unless the host gave keys.
	if key := path + ".key"; exists(key) {
		r.keyFile(key)
	}
	if folder, err := os.Stat(filepath.Dir(path)); err == nil && folder.Mode().Perm()&0o007 == 0 {
		return nil // nobody else gets as far as the files
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return &engage.Error{Code: engage.Unavailable, Op: "stack.Doctor", Entity: name, Err: err}
		}
		if info.Mode().Perm()&0o007 != 0 {
			r.find(bunstore.Warning, "database_file_open", fmt.Sprintf("%s (%s)", name, info.Mode().Perm()),
				"everyone on the machine reads the data", "chmod 600 "+name+", and keep its folder to its owner")
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
