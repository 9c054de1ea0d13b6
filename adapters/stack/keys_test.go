package stack

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
)

// keyID is the id of a provider's key, which two providers share if they have
// the same key.
func keyID(t *testing.T, provider sealing.KeyProvider) string {
	t.Helper()
	id, err := provider.Newest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func besideFile(t *testing.T, database string) sealing.KeyProvider {
	t.Helper()
	provider, err := keysBesideFile(nil, database)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func TestAKeyFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "engage.db")
	first := keyID(t, besideFile(t, database))
	info, err := os.Stat(database + ".key")
	if err != nil || info.Mode() != 0o600 || info.Size() != keyFileBytes {
		t.Fatalf("the key file: %v %v", info, err)
	}
	if again := keyID(t, besideFile(t, database)); again != first {
		t.Errorf("the second start has the key %s, the first had %s", again, first)
	}
	files, err := os.ReadDir(filepath.Dir(database))
	if err != nil || len(files) != 1 {
		t.Errorf("want the key file alone, got %v, %v", files, err)
	}
	if other := keyID(t, besideFile(t, database+"2")); other == first {
		t.Error("two databases have one key")
	}
}

func TestProcessesThatStartAtOnceHaveOneKey(t *testing.T) {
	t.Parallel()
	for range 20 {
		database := filepath.Join(t.TempDir(), "engage.db")
		var wg sync.WaitGroup
		var providers [16]sealing.KeyProvider
		var failed [16]error
		for i := range providers {
			wg.Go(func() { providers[i], failed[i] = keysBesideFile(nil, database) })
		}
		wg.Wait()
		for i, provider := range providers {
			if failed[i] != nil {
				t.Fatal(failed[i])
			}
			if id := keyID(t, provider); id != keyID(t, providers[0]) {
				t.Fatalf("process %d has the key %s", i, id)
			}
		}
	}
}

func TestADoubtfulKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	key := sealing.NewKey().Reveal()
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		says          string
	}{
		{"readable by the group", key + "\n", 0o640, "chmod 600"},
		{"readable by the world", key + "\n", 0o604, "chmod 600"},
		{"writable by the group", key + "\n", 0o620, "chmod 600"},
		{"empty", "", 0o600, "restore it"},
		{"cut short", key[:20], 0o600, "restore it"},
		{"of two lines", key + "\n" + key + "\n", 0o600, "restore it"},
		{"no base64", strings.Repeat("!", 44) + "\n", 0o600, "restore it"},
		{"of 33 bytes", base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n", 0o600, "restore it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			database := filepath.Join(t.TempDir(), "engage.db")
			if err := os.WriteFile(database+".key", []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(database+".key", c.mode); err != nil {
				t.Fatal(err)
			}
			provider, err := keysBesideFile(nil, database)
			if provider != nil || engage.CodeOf(err) != engage.FailedPrecondition {
				t.Fatalf("want ErrFailedPrecondition, got %v, %v", provider, err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), database+".key") {
				t.Errorf("the error does not say what to do: %v", err)
			}
			if strings.Contains(err.Error(), key) {
				t.Error("the error holds the key")
			}
			after, readErr := os.ReadFile(database + ".key")
			if readErr != nil || string(after) != c.content {
				t.Errorf("the file was changed: %v", readErr)
			}
		})
	}
	folder := filepath.Join(t.TempDir(), "engage.db")
	if err := os.Mkdir(folder+".key", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := keysBesideFile(nil, folder); engage.CodeOf(err) != engage.FailedPrecondition {
		t.Errorf("a folder: %v", err)
	}
	if _, err := keysBesideFile(nil, filepath.Join(t.TempDir(), "missing", "engage.db")); engage.CodeOf(err) != engage.FailedPrecondition {
		t.Errorf("no folder: %v", err)
	}
}

func TestAServerNeedsAKey(t *testing.T) {
	t.Parallel()
	provider, err := keysRequired("stack.Postgres", nil)
	if provider != nil || engage.CodeOf(err) != engage.Invalid {
		t.Fatalf("want ErrInvalid, got %v, %v", provider, err)
	}
	fields := engage.FieldsOf(err)
	if len(fields) != 1 || fields[0].Path != "sealing.keys" || fields[0].Code != "required" {
		t.Errorf("fields %v", fields)
	}
}

func TestAGivenKeyIsTaken(t *testing.T) {
	t.Parallel()
	key := sealing.NewKey()
	given, err := sealing.NewStaticKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(t.TempDir(), "engage.db")
	for name, keys := range map[string]func() (sealing.KeyProvider, error){
		"in memory":   func() (sealing.KeyProvider, error) { return keysInMemory(given) },
		"beside file": func() (sealing.KeyProvider, error) { return keysBesideFile(given, database) },
		"required":    func() (sealing.KeyProvider, error) { return keysRequired("stack.Postgres", given) },
	} {
		if got, err := keys(); err != nil || keyID(t, got) != keyID(t, given) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(database + ".key"); !os.IsNotExist(err) {
		t.Errorf("a key file was made beside a given key: %v", err)
	}
	for _, printed := range []string{fmt.Sprint(given), fmt.Sprintf("%v %+v %s %q", given, given, given, given)} {
		if strings.Contains(printed, key.Reveal()) {
			t.Errorf("a key is printed: %s", printed)
		}
	}
}

func TestMemoryHasARandomKey(t *testing.T) {
	t.Parallel()
	one, err := keysInMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := keysInMemory(nil)
	if err != nil || keyID(t, one) == keyID(t, other) {
		t.Errorf("two platforms have one key: %v", err)
	}
}
