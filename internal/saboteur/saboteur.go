// Package saboteur shows that a conformance suite notices broken adapters. The
// tests of the suites import it; nothing that users link does.
//
// A suite takes *testing.T and fails it, so it can't be run against a broken
// adapter inside a test that is to pass. Instead the test binary is started
// once more, for the calling test alone: the argument behind the flags tells
// the second process that it is the one that runs the suite and may fail, and
// the first one reads the names of the cases that failed from its -test.v
// output. A saboteur that panics or blocks fails the case it was in, as it would
// for the author of a broken adapter, and harms no other test. The alternatives fall short: a TB interface in place of *testing.T
// takes t.Run and t.Parallel away from the suites' public form, and
// testing.RunTests shares flags and standard output with the passing tests.
package saboteur

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// limit ends a suite that a saboteur has blocked. It is far above what one
// takes, since a loaded machine is no finding.
const limit = 3 * time.Minute

// Fails checks that the suite run fails in the named case: its t.Run names, or
// the last of them, as in "a write/without a transaction is refused". The full
// name is quicker, because then that case is run alone. Fails ends the calling
// test in the second process, so give each saboteur a subtest of its own.
func Fails(t *testing.T, want string, run func(t *testing.T)) {
	t.Helper()
	if failed, _ := failing(t, want, run); slices.Contains(failed, want) {
		return
	}
	failed, output := failing(t, "", run)
	for _, name := range failed {
		if name == want || strings.HasSuffix(name, "/"+want) {
			return
		}
	}
	if failed == nil {
		t.Fatalf("the suite does not notice it: want %q to fail, nothing failed\n%s", want, tail(output, 4000))
	}
	t.Fatalf("the suite does not notice it: want %q to fail, failed: %q", want, failed)
}

// Failing answers the names of the cases that fail in run, relative to the
// calling test and with spaces for t.Run's underscores, in the order of the
// output. A case stands behind those above it.
func Failing(t *testing.T, run func(t *testing.T)) []string {
	t.Helper()
	failed, _ := failing(t, "", run)
	return failed
}

// failing is Failing of one case, or of all when only is "".
func failing(t *testing.T, only string, run func(t *testing.T)) (failed []string, output string) {
	t.Helper()
	role := "saboteur=" + t.Name()
	if flag.Arg(0) == role {
		run(t)
		t.SkipNow() // what follows the call in the test is the first process's part
	}
	test := t.Name()
	if only != "" {
		test += "/" + strings.ReplaceAll(only, " ", "_")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+exactly(test), //nolint:gosec // this binary
		"-test.v", "-test.count=1", "-test.timeout="+limit.String(), role)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("start the suite: %v", err)
	}
	output = string(out)
	if !strings.Contains(output, "=== RUN   "+t.Name()+"\n") {
		t.Fatalf("the suite did not run:\n%s", tail(output, 4000))
	}
	return failedIn(output, t.Name()), output
}

var (
	failLine    = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+) \(`)
	timeoutLine = regexp.MustCompile(`(?m)^\s+(\S+) \(\d[\dhm.]*s\)$`)
)

// failedIn finds the tests below one that failed, or that ran when the process
// timed out.
func failedIn(output, test string) []string {
	matches := failLine.FindAllStringSubmatch(output, -1)
	if _, running, timedOut := strings.Cut(output, "panic: test timed out"); timedOut {
		running, _, _ = strings.Cut(running, "\n\n")
		matches = append(matches, timeoutLine.FindAllStringSubmatch(running, -1)...)
	}
	var failed []string
	for _, match := range matches {
		if name, below := strings.CutPrefix(match[1], test+"/"); below {
			failed = append(failed, strings.ReplaceAll(name, "_", " "))
		}
	}
	return failed
}

// exactly is the -test.run pattern of one test and those below it.
func exactly(test string) string {
	elements := strings.Split(test, "/")
	for i, element := range elements {
		elements[i] = "^" + regexp.QuoteMeta(element) + "$"
	}
	return strings.Join(elements, "/")
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}
