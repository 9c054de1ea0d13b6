package sealing_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
)

func TestAValueOpensWhereItWasSealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, plain := range []string{"", "x", "pä$$\x00\xff wörd", strings.Repeat("a", sealing.MaxPlainBytes)} {
		sealed := b.seal(t, plain)
		same(t, "length", len(sealed), len(plain)+sealing.Overhead)
		b.opens(t, sealed, plain)
		b.process(t, hostKey).opens(t, sealed, plain)
	}
	if bytes.Equal(b.seal(t, "x"), b.seal(t, "x")) {
		t.Error("two values are sealed alike")
	}
}

func TestAValueOpensNowhereElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	other := engage.WorkspaceID(b.ids.NewID())
	twin, err := b.Seal(t.Context(), other, place, []byte("secret"))
	no(t, err)
	for _, c := range []struct {
		name    string
		ws      engage.WorkspaceID
		context string
		sealed  []byte
	}{
		{"another workspace with a key", other, place, sealed},
		{"another workspace without one", engage.WorkspaceID(b.ids.NewID()), place, sealed},
		{"its twin's workspace", b.ws, place, twin},
		{"another row", b.ws, place + "0", sealed},
		{"a shorter context", b.ws, place[:len(place)-1], sealed},
		{"no context", b.ws, "", sealed},
		{"another case", b.ws, strings.ToUpper(place), sealed},
		{"nothing", b.ws, place, nil},
		{"empty", b.ws, place, []byte{}},
		{"a header alone", b.ws, place, sealed[:17]},
		{"the plain value", b.ws, place, []byte("secret")},
		{"zeros", b.ws, place, make([]byte, len(sealed))},
		{"another version", b.ws, place, append([]byte{2}, sealed[1:]...)},
		{"no version", b.ws, place, append([]byte{0}, sealed[1:]...)},
		{"more bytes", b.ws, place, append(slices.Clone(sealed), 0)},
		{"twice", b.ws, place, append(slices.Clone(sealed), sealed...)},
		{"base64", b.ws, place, []byte(base64.StdEncoding.EncodeToString(sealed))},
		{"the key of one and the value of another", b.ws, place, append(slices.Clone(sealed[:17]), twin[17:]...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := b.Open(t.Context(), c.ws, c.context, c.sealed)
			code(t, err, engage.Invalid)
		})
	}
	_, err = b.Open(t.Context(), engage.WorkspaceID{}, place, sealed)
	code(t, err, engage.Invalid)
}

func TestNoChangedBitOpens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "a secret of thirty-two characters")
	for i := range sealed {
		for bit := range 8 {
			changed := slices.Clone(sealed)
			changed[i] ^= 1 << bit
			b.refuses(t, changed)
		}
		b.refuses(t, sealed[:i])
		b.refuses(t, sealed[i+1:])
	}
	b.opens(t, sealed, "a secret of thirty-two characters")
}

func TestNoChangedDataKeyOpens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	stored, err := b.Keys(t.Context(), b.ws, engage.PageRequest{})
	no(t, err)
	key := stored.Items[0]
	for _, change := range []func(*sealing.DataKey){
		func(k *sealing.DataKey) { k.Wrapped[0] ^= 1 },
		func(k *sealing.DataKey) { k.Wrapped[len(k.Wrapped)-1] ^= 1 },
		func(k *sealing.DataKey) { k.Wrapped = k.Wrapped[:10] },
		func(k *sealing.DataKey) { // another workspace's
			other := engage.WorkspaceID(b.ids.NewID())
			no(t, second(b.Seal(t.Context(), other, place, nil)))
			page, err := b.Keys(t.Context(), other, engage.PageRequest{})
			no(t, err)
			k.Wrapped = page.Items[0].Wrapped
		},
	} {
		changed := key
		changed.Wrapped = slices.Clone(key.Wrapped)
		change(&changed)
		no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
			if _, err := b.keys.Erase(ctx, b.ws); err != nil {
				return err
			}
			return second(b.keys.Add(ctx, b.ws, changed))
		}))
		b.process(t, hostKey).refuses(t, sealed)
	}
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Seal(t.Context(), b.ws, strings.Repeat("c", sealing.MaxContextBytes+1), make([]byte, sealing.MaxPlainBytes+1))
	code(t, err, engage.Invalid)
	same(t, "faults", fmt.Sprint(engage.FieldsOf(err)[0].Path, engage.FieldsOf(err)[1].Path), "contextplain")
	_, err = b.Seal(t.Context(), b.ws, "", nil)
	code(t, err, engage.Invalid)
	_, err = b.Seal(t.Context(), engage.WorkspaceID{}, place, nil)
	code(t, err, engage.Invalid)
	_, err = b.Rotate(t.Context(), engage.WorkspaceID{})
	code(t, err, engage.Invalid)
	code(t, b.Erase(t.Context(), engage.WorkspaceID{}), engage.Invalid)

	_, err = sealing.New(sealing.Deps{}, sealing.Config{})
	var paths []string
	for _, f := range engage.FieldsOf(err) {
		paths = append(paths, f.Path)
	}
	same(t, "faults", strings.Join(paths, " "), "runtime.tx runtime.events keys provider leases")
}

func TestHostKeysMustBeOf32Bytes(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("k", sealing.KeyBytes)
	_, err := sealing.NewStaticKeys(engage.NewSecret("short"), engage.NewSecret(good), engage.Secret{},
		engage.NewSecret(hex.EncodeToString([]byte(good))), engage.NewSecret(good), engage.NewSecret(base64.StdEncoding.EncodeToString([]byte(good))))
	code(t, err, engage.Invalid)
	var paths []string
	for _, f := range engage.FieldsOf(err) {
		paths = append(paths, f.Path+" "+f.Code)
		if strings.Contains(f.Message, "short") || strings.Contains(f.Message, good) {
			t.Errorf("the message holds the key: %s", f.Message)
		}
	}
	same(t, "faults", strings.Join(paths, ", "), "keys[0] invalid, keys[2] invalid, keys[3] invalid, keys[4] duplicate, keys[5] duplicate")
	drawn := sealing.NewKey()
	_, err = sealing.NewStaticKeys(drawn)
	no(t, err)
	if drawn.Reveal() == sealing.NewKey().Reveal() {
		t.Error("two keys are drawn alike")
	}
}

func TestManyFirstSealsMakeOneKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	sealed := make([][]byte, 16)
	for i := range sealed {
		process := b.process(t, hostKey)
		wg.Go(func() { sealed[i], _ = process.Seal(t.Context(), b.ws, place, []byte("secret")) })
	}
	wg.Wait()
	for _, value := range sealed {
		b.opens(t, value, "secret")
	}
	page, err := b.Keys(t.Context(), b.ws, engage.PageRequest{})
	no(t, err)
	same(t, "keys", len(page.Items), 1)
	same(t, "events", strings.Join(b.published(t), " "), "sealing.key.created.v1")
}

func TestARolledBackKeyIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var lost []byte
	undo := errors.New("undo")
	err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) (err error) {
		if lost, err = b.Seal(ctx, b.ws, place, []byte("secret")); err != nil {
			return err
		}
		plain, err := b.Open(ctx, b.ws, place, lost)
		if err != nil || string(plain) != "secret" {
			t.Errorf("opened %q in its transaction: %v", plain, err)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	b.opens(t, b.seal(t, "another"), "another")
	b.clock.Advance(6 * time.Second)
	b.refuses(t, lost)
}

func TestOldKeysOpenAndTheNewestSeals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.seal(t, "before")
	second, err := b.Rotate(t.Context(), b.ws)
	no(t, err)
	same(t, "number", second.Number, 2)
	after := b.process(t, hostKey).seal(t, "after")
	b.opens(t, before, "before")
	b.opens(t, after, "after")
	if bytes.Equal(before[1:17], after[1:17]) || !bytes.Equal(after[1:17], second.ID[:]) {
		t.Error("the value names the wrong key")
	}
	fresh := setup(t)
	first, err := fresh.Rotate(t.Context(), fresh.ws)
	no(t, err)
	same(t, "number of a workspace without a key", first.Number, 1)
}

func TestWhatIsErasedOpensNeverAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	far := b.process(t, hostKey)
	sealed := b.seal(t, "secret")
	no(t, second(b.Rotate(t.Context(), b.ws)))
	rotated := b.seal(t, "rotated")
	far.opens(t, sealed, "secret")
	neighbour := engage.WorkspaceID(b.ids.NewID())
	kept, err := b.Seal(t.Context(), neighbour, place, []byte("kept"))
	no(t, err)

	no(t, b.Erase(t.Context(), b.ws))
	b.refuses(t, sealed)
	b.refuses(t, rotated)
	b.clock.Advance(5 * time.Second)
	far.opens(t, sealed, "secret") // the last instant at which another process may
	b.clock.Advance(time.Microsecond)
	far.refuses(t, sealed)

	anew := b.seal(t, "anew")
	b.opens(t, anew, "anew")
	far.opens(t, anew, "anew")
	b.refuses(t, sealed)
	far.refuses(t, rotated)
	plain, err := b.Open(t.Context(), neighbour, place, kept)
	if err != nil || string(plain) != "kept" {
		t.Errorf("the neighbour's value: %q, %v", plain, err)
	}
	no(t, b.Erase(t.Context(), engage.WorkspaceID(b.ids.NewID()))) // nothing to erase, nothing to tell
	created, erased := sealing.KeyCreated{}.EventName(), sealing.KeysErased{}.EventName()
	same(t, "events", strings.Join(b.published(t), " "), strings.Join([]string{created, created, erased, created}, " "))
}

func TestAnErasureInATransactionIsSeenThereAtOnceAndElsewhereAtItsCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	undo := errors.New("undo")
	err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		if err := b.Erase(ctx, b.ws); err != nil {
			return err
		}
		_, err := b.Open(ctx, b.ws, place, sealed)
		code(t, err, engage.Invalid)
		b.opens(t, sealed, "secret") // outside, nothing is erased yet
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	b.opens(t, sealed, "secret")
	no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		if err := b.Erase(ctx, b.ws); err != nil {
			return err
		}
		b.opens(t, sealed, "secret") // and is in the cache again
		return nil
	}))
	b.refuses(t, sealed)
}

func TestAKeyThatWasReadBeforeAnErasureIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	reader := b.process(t, hostKey)
	reader.provider.between = func() {
		reader.provider.between = nil
		no(t, reader.Erase(t.Context(), b.ws))
	}
	reader.opens(t, sealed, "secret") // it was under way
	reader.refuses(t, sealed)
}

func TestOpenAsksTheStoreEveryFiveSecondsAndTheHostEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	b.keys.asked, b.provider.unwrapped = 0, 0
	for range 61 { // each 4 seconds on
		b.opens(t, sealed, "secret")
		b.opens(t, sealed, "secret")
		b.clock.Advance(4 * time.Second)
	}
	same(t, "reads of the store", b.keys.asked, 30)
	same(t, "unwrapped", b.provider.unwrapped, 0)
	b.clock.Advance(5 * time.Minute)
	b.opens(t, sealed, "secret")
	b.opens(t, sealed, "secret")
	same(t, "unwrapped after five minutes", b.provider.unwrapped, 1)
	b.clock.Advance(-time.Hour) // clocks do jump back
	b.opens(t, sealed, "secret")
	same(t, "unwrapped after a jump", b.provider.unwrapped, 2)
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const many = 4096 + 100
	type value struct {
		ws     engage.WorkspaceID
		sealed []byte
	}
	values := make([]value, many)
	for i := range values {
		values[i].ws = engage.WorkspaceID(b.ids.NewID())
		var err error
		values[i].sealed, err = b.Seal(t.Context(), values[i].ws, place, []byte("secret"))
		no(t, err)
	}
	b.keys.asked = 0
	for _, v := range values {
		no(t, second(b.Open(t.Context(), v.ws, place, v.sealed)))
	}
	if b.keys.asked < 100 || b.keys.asked > many {
		t.Errorf("%d keys were not in the cache, want at least 100", b.keys.asked)
	}
}

func TestAMissingHostKeyIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	stranger := b.process(t, sealing.NewKey())
	_, err := stranger.Open(t.Context(), b.ws, place, sealed)
	code(t, err, engage.FailedPrecondition)
	id, _ := b.provider.Newest(t.Context())
	if !strings.Contains(err.Error(), id) {
		t.Errorf("the error does not name the key %s: %v", id, err)
	}
	_, err = stranger.Seal(t.Context(), b.ws, place, nil)
	code(t, err, engage.FailedPrecondition)
}

func TestAProviderThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sealed := b.seal(t, "secret")
	other := b.process(t, hostKey)
	other.provider.down = true
	_, err := other.Open(t.Context(), b.ws, place, sealed)
	code(t, err, engage.Unavailable)
}

// TestAStoredValueOpens keeps the format: values that a release has sealed open
// in each later one.
func TestAStoredValueOpens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws, err := engage.ParseID[kindOf](goldenWorkspace)
	no(t, err)
	key := sealing.DataKey{Number: 1, WrappedBy: goldenWrappedBy, Wrapped: unhex(t, goldenWrapped), CreatedAt: start, WrappedAt: start}
	no(t, key.ID.UnmarshalText([]byte(goldenKey)))
	no(t, b.store.InTx(t.Context(), engage.WorkspaceID(ws), func(ctx context.Context) error {
		return second(b.keys.Add(ctx, engage.WorkspaceID(ws), key))
	}))
	plain, err := b.Open(t.Context(), engage.WorkspaceID(ws), place, unhex(t, goldenSealed))
	no(t, err)
	same(t, "opened", string(plain), "a secret of the first release")
}

type kindOf struct{}

func (kindOf) IDPrefix() string { return "wsp" }

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	no(t, err)
	return raw
}

// published are the names of the events of the bundle's workspace.
func (b *testBundle) published(t testing.TB) []string {
	t.Helper()
	slices, err := b.store.Read(t.Context(), engage.DefaultShard, engage.PartitionOf(b.ws), 0, 1000)
	no(t, err)
	var names []string
	for _, slice := range slices {
		for _, e := range slice.Events {
			if e.Workspace == b.ws {
				names = append(names, e.Name)
			}
		}
	}
	return names
}
