package bunstore

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-engage/engage"
)

// Schema is the tables of one domain: every storage package has one as a value,
// which its host gives to Migrate. FS holds the folder migrations with a folder
// for each dialect ("sqlite", "postgres", "mysql"), and in it files named
// NNNN_name.sql, numbered from 0001 without a gap. Statements are separated by a
// line "--engage:split" and do not end in a semicolon. A released file never
// changes: Migrate compares checksums.
//
// Tables and their columns have explicit types and no defaults. On MariaDB,
// which commits every DDL statement by itself, each statement of a file must be
// harmless when it runs again: CREATE TABLE IF NOT EXISTS with the indexes
// inside, INSERT … ON DUPLICATE KEY UPDATE.
type Schema struct {
	Domain   string   // as "contacts"
	Requires []string // domains whose tables must be there first; "core" always is
	FS       fs.FS
}

//go:embed migrations
var kernelFS embed.FS

// Core is the kernel's own schema. Migrate, Pending and DumpSQL add it.
var Core = Schema{Domain: "core", FS: kernelFS}

// splitMark separates the statements of a file.
const splitMark = "--engage:split"

// Migration is one file of a schema.
type Migration struct {
	Domain  string
	Version int
	Name    string

	checksum   string
	statements []string
}

// String is "contacts/0002_add_lists".
func (m Migration) String() string { return fmt.Sprintf("%s/%04d_%s", m.Domain, m.Version, m.Name) }

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)

// migrations reads a schema's files of a dialect, in order.
func (s Schema) migrations(dialect Dialect, faults *engage.Faults) []Migration {
	folder := path.Join("migrations", string(dialect))
	entries, err := fs.ReadDir(s.FS, folder)
	if err != nil {
		faults.Add(s.Domain, "unreadable", "%v", err)
		return nil
	}
	var all []Migration
	for _, entry := range entries {
		at := s.Domain + "/" + entry.Name()
		parts := migrationName.FindStringSubmatch(entry.Name())
		if parts == nil {
			faults.Add(at, "invalid", "want a name like 0001_lists.sql")
			continue
		}
		body, err := fs.ReadFile(s.FS, path.Join(folder, entry.Name()))
		if err != nil {
			faults.Add(at, "unreadable", "%v", err)
			continue
		}
		version, _ := strconv.Atoi(parts[1])
		if version != len(all)+1 {
			faults.Add(at, "invalid", "want version %04d: numbers have no gaps", len(all)+1)
		}
		sum := sha256.Sum256(body)
		m := Migration{Domain: s.Domain, Version: version, Name: parts[2], checksum: hex.EncodeToString(sum[:])}
		for statement := range strings.SplitSeq(string(body), splitMark) {
			if statement = strings.TrimSpace(statement); statement != "" {
				m.statements = append(m.statements, statement)
			}
		}
		all = append(all, m)
	}
	return all
}

// plan answers all migrations of the schemas in the order they run: a schema
// after those it requires, Core first, otherwise in the order given.
func plan(dialect Dialect, schemas []Schema) ([]Migration, error) {
	var faults engage.Faults
	byDomain := map[string]Schema{}
	var order []string
	for _, s := range append([]Schema{Core}, schemas...) {
		if _, twice := byDomain[s.Domain]; twice {
			if s.Domain != Core.Domain {
				faults.Add(s.Domain, "duplicate", "the schema is given twice")
			}
			continue
		}
		byDomain[s.Domain] = s
		order = append(order, s.Domain)
	}
	var all []Migration
	state := map[string]int{} // 1: its requirements are being visited, 2: done
	var visit func(domain, by string)
	visit = func(domain, by string) {
		s, ok := byDomain[domain]
		switch {
		case !ok:
			faults.Add(by, "required", "needs the schema %q", domain)
		case state[domain] == 1:
			faults.Add(by, "cycle", "needs %q, which needs it", domain)
		case state[domain] == 0:
			state[domain] = 1
			for _, required := range slices.Sorted(slices.Values(s.Requires)) {
				visit(required, domain)
			}
			state[domain] = 2
			all = append(all, s.migrations(dialect, &faults)...)
		}
	}
	for _, domain := range order {
		visit(domain, domain)
	}
	return all, faults.Err("bunstore.Migrate", "")
}

// DumpSQL writes what Migrate would run on an empty database, for tools that
// apply schemas themselves. It does not write the table of applied migrations.
func DumpSQL(w io.Writer, dialect Dialect, schemas ...Schema) error {
	migrations, err := plan(dialect, schemas)
	if err != nil {
		return err
	}
	for _, m := range migrations {
		if _, err := fmt.Fprintf(w, "-- %s\n%s;\n\n", m, strings.Join(m.statements, ";\n")); err != nil {
			return err
		}
	}
	return nil
}
