package archtest

import (
	"path"
	"slices"
	"strings"
)

// The rooms of the module, as ARCHITECTURE.md draws them.
var (
	domains = []string{"contacts", "crm", "segments", "automation", "messaging", "wallet", "loyalty", "inbox"}

	// governed are adapters that own ports and rules of their own. They keep the
	// rules of domains, and storage adapters import them as they import domains.
	governed = []string{"adapters/accounts", "adapters/sealing"}

	// testdata holds the fuzzing corpora of the root.
	topFolders = slices.Concat(domains, []string{"adapters", "examples", "internal", ".ci", "testdata"})

	// composers join domains and adapters; that is what they are for.
	composers = []string{
		"adapters/stack", "adapters/wiring", "adapters/conformance", "adapters/actions", "examples", "internal",
	}

	// tooling is code that nobody links.
	tooling = []string{"examples", "internal"}

	// suiteFrame is what the conformance suites have in common.
	suiteFrame = "internal/porttest"

	// drivers connect to databases. Hosts bring their own *bun.DB.
	drivers = []string{
		"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/go-sql-driver/mysql", "github.com/mattn/go-sqlite3",
		"github.com/lib/pq", "github.com/uptrace/bun/driver", "github.com/ncruces/go-sqlite3", "github.com/glebarez",
	}

	// testLibraries must not reach a program that links the suite.
	testLibraries = []string{
		"testing", "github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/stretchr/testify",
	}

	// pureLibraries are what domains may take from others: no input, no output,
	// no goroutines.
	pureLibraries = []string{
		"github.com/osteele/liquid",
		"github.com/microcosm-cc/bluemonday",
		"github.com/yuin/goldmark",
		"github.com/RoaringBitmap/roaring",
		"github.com/expr-lang/expr",
		"github.com/robfig/cron",
		"github.com/google/uuid",
		"golang.org/x/net/html",
		"golang.org/x/net/idna",
		"golang.org/x/net/publicsuffix",
		"golang.org/x/text",
	}
)

// domain is the domain a package belongs to, or "".
func (p *pkg) domain() string {
	first, _, _ := strings.Cut(p.path, "/")
	if slices.Contains(domains, first) {
		return first
	}
	return governedRoom(p.path)
}

// governedRoom is the adapter with a domain's rules that a package belongs to,
// or "".
func governedRoom(pkgPath string) string {
	for _, room := range governed {
		if within(pkgPath, room) {
			return room
		}
	}
	return ""
}

// family is the adapter a package belongs to, as "adapters/bunstore", or "".
// Governed rooms are no family: they are domains to the other adapters.
func (p *pkg) family() string { return family(p.path) }

func family(pkgPath string) string {
	segments := strings.Split(pkgPath, "/")
	if len(segments) < 2 || segments[0] != "adapters" || governedRoom(pkgPath) != "" {
		return ""
	}
	return "adapters/" + segments[1]
}

// isSuite reports whether a package is a conformance suite: contacts/contactstest,
// contacts/events/eventstest, adapters/conformance/kerneltest.
func (p *pkg) isSuite() bool { return isSuite(p.path) }

func isSuite(pkgPath string) bool {
	dir, base := path.Split(pkgPath)
	parent := path.Base(dir)
	return parent+"test" == base && family(pkgPath) == "" ||
		within(pkgPath, "adapters/conformance") && strings.HasSuffix(base, "test")
}

// isTestKit reports whether a package is made to be called from tests.
func (p *pkg) isTestKit() bool {
	return p.isSuite() || withinAny(p.path, suiteFrame, "adapters/conformance", "adapters/stack/stacktest")
}

// isTooling reports whether a package is an example, internal, or a program.
func (p *pkg) isTooling() bool { return withinAny(p.path, tooling...) || p.name == "main" }
