package stack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
)

// keyFileBytes is the length of a key file: 32 bytes in base64, and a newline.
const keyFileBytes = 45

// keysInMemory are the host's keys of a store that ends with the process: those
// given, or a random one.
func keysInMemory(given sealing.KeyProvider) (sealing.KeyProvider, error) {
	if given != nil {
		return given, nil
	}
	return sealing.NewStaticKeys(sealing.NewKey())
}

// keysBesideFile are the host's keys of a database file: those given, or the one
// of the file <database>.key, which it makes. Whoever has both files reads every
// secret, so a host with better places for a key gives one.
func keysBesideFile(given sealing.KeyProvider, database string) (sealing.KeyProvider, error) {
	if given != nil {
		return given, nil
	}
	path := database + ".key"
	key, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyFile(path); err != nil {
			return nil, keyFileFault(path, err)
		}
		key, err = readKeyFile(path)
	}
	if err == nil {
		// Nothing is sealed before the file's name is on the disk, whichever process
		// has made it.
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, keyFileFault(path, err)
	}
	provider, err := sealing.NewStaticKeys(key)
	if err != nil {
		return nil, keyFileFault(path, errKeyFile)
	}
	return provider, nil
}

// keysRequired are the host's keys on a server, where other replicas need the
// same: those given.
func keysRequired(op string, given sealing.KeyProvider) (sealing.KeyProvider, error) {
	if given != nil {
		return given, nil
	}
	var faults engage.Faults
	faults.Add("sealing.keys", "required",
		"secrets are sealed by a key of yours: give sealing.NewStaticKeys the same 32 random bytes in every replica, or a KeyProvider of your own")
	return nil, faults.Err(op, "")
}

var errKeyFile = fmt.Errorf("it is not a key of %d bytes in base64; restore it from your backup, because what it sealed opens with no other", sealing.KeyBytes)

// readKeyFile reads the key, if nobody but its owner may.
func readKeyFile(path string) (engage.Secret, error) {
	f, err := os.Open(path) //nolint:gosec // beside the database that the host names
	if err != nil {
		return engage.Secret{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return engage.Secret{}, err
	}
	others := info.Mode().Perm() & 0o077
	switch {
	case !info.Mode().IsRegular():
		return engage.Secret{}, errors.New("it is no regular file")
	case others != 0 && runtime.GOOS != "windows": // which has no such bits
		return engage.Secret{}, fmt.Errorf("others may read or write it (mode %04o): run chmod 600 on it, and rotate the key if somebody has", info.Mode().Perm())
	case info.Size() != keyFileBytes:
		return engage.Secret{}, errKeyFile
	}
	text, err := io.ReadAll(io.LimitReader(f, keyFileBytes))
	return engage.NewSecret(strings.TrimSuffix(string(text), "\n")), err
}

// makeKeyFile makes a key file with a random key, unless there is one by then.
// The name is given to a complete file in one step, so that of two processes one
// wins, neither reads half a key, and a crash leaves none.
func makeKeyFile(path string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // its other name stays
	_, err = draft.WriteString(sealing.NewKey().Reveal() + "\n")
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// syncFolder waits until the names in a folder are on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the folder of the host's database
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // which can't, and writes names at once
		return folder.Close()
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func keyFileFault(path string, err error) error {
	return &engage.Error{Code: engage.FailedPrecondition, Op: "stack.SQLite", Entity: "key file " + path, Err: err}
}
