package saboteur_test

import (
	"slices"
	"testing"

	"github.com/go-engage/engage/internal/saboteur"
)

func TestFailing(t *testing.T) {
	t.Parallel()

	t.Run("names the cases that failed, and those above them", func(t *testing.T) {
		t.Parallel()
		got := saboteur.Failing(t, func(t *testing.T) {
			t.Run("a good case", func(*testing.T) {})
			t.Run("a group", func(t *testing.T) {
				t.Run("a bad case", func(t *testing.T) { t.Parallel(); t.Error("no") })
				t.Run("a good case", func(t *testing.T) { t.Parallel() })
			})
		})
		slices.Sort(got)
		if want := []string{"a group", "a group/a bad case"}; !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})

	t.Run("is empty for a suite that passes", func(t *testing.T) {
		t.Parallel()
		if got := saboteur.Failing(t, func(t *testing.T) { t.Run("a good case", func(*testing.T) {}) }); got != nil {
			t.Fatalf("got %q", got)
		}
	})

	t.Run("finds a case by the last of its names", func(t *testing.T) {
		t.Parallel()
		saboteur.Fails(t, "that is bad", func(t *testing.T) {
			t.Run("a group", func(t *testing.T) {
				t.Run("a case", func(t *testing.T) {
					t.Run("that is bad", func(t *testing.T) { t.Error("no") })
				})
			})
		})
	})

	t.Run("a panic fails the case it is in", func(t *testing.T) {
		t.Parallel()
		saboteur.Fails(t, "a case/that panics", func(t *testing.T) {
			t.Run("a case", func(t *testing.T) {
				t.Run("that panics", func(*testing.T) { panic("no") })
			})
		})
	})
}

// The wait for a blocked case is minutes long, so what a process prints then is
// given here as it was printed.
func TestFailedInATimeout(t *testing.T) {
	t.Parallel()
	output := "=== RUN   TestA/b/c_d\npanic: test timed out after 3m0s\n\trunning tests:\n\t\tTestA/b (3m0s)\n\t\tTestA/b/c_d (2m59s)\n\ngoroutine 8 [running]:\n"
	if got, want := saboteur.FailedIn(output, "TestA"), []string{"b", "b/c d"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}
