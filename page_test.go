package engage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-engage/engage"
)

func TestACursor(t *testing.T) {
	t.Parallel()
	t.Run("opens for the query that sealed it, and for no other", func(t *testing.T) {
		t.Parallel()
		for _, key := range [][]byte{{}, []byte("k"), []byte("\x00\xff|")} {
			cursor := engage.SealCursor("contacts|a", key)
			got, err := cursor.Open("contacts|a")
			if err != nil || string(got) != string(key) {
				t.Errorf("%q, %v", got, err)
			}
			for _, query := range []string{"contacts|b", "contacts|a ", ""} {
				if _, err := cursor.Open(query); !errors.Is(err, engage.ErrInvalid) || engage.FieldsOf(err)[0].Path != "after" {
					t.Errorf("%q: %v", query, err)
				}
			}
		}
	})
	t.Run("is refused when it is damaged, and begins the list when it is zero", func(t *testing.T) {
		t.Parallel()
		good := engage.SealCursor("q", []byte("key"))
		for _, cursor := range []engage.Cursor{"!", "a", good[:5], good + "=", " " + good, "A" + good[1:]} {
			if _, err := cursor.Open("q"); cursor != good && !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
		if key, err := engage.Cursor("").Open("q"); key != nil || err != nil {
			t.Errorf("%v, %v", key, err)
		}
	})
	t.Run("does not share memory with its key", func(t *testing.T) {
		t.Parallel()
		key := []byte("key")
		cursor := engage.SealCursor("q", key)
		key[0] = 'x'
		if got, _ := cursor.Open("q"); string(got) != "key" {
			t.Errorf("%q", got)
		}
	})
}

func TestAPageRequest(t *testing.T) {
	t.Parallel()
	t.Run("has a size between one and the most there is", func(t *testing.T) {
		t.Parallel()
		for limit, want := range map[int]int{0: engage.DefaultPageSize, 1: 1, engage.MaxPageSize: engage.MaxPageSize} {
			if got, err := (engage.PageRequest{Limit: limit}).Size(); got != want || err != nil {
				t.Errorf("%d: %d, %v", limit, got, err)
			}
		}
		for _, limit := range []int{-1, engage.MaxPageSize + 1} {
			if _, err := (engage.PageRequest{Limit: limit}).Size(); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%d: %v", limit, err)
			}
		}
	})
}

func TestWalk(t *testing.T) {
	t.Parallel()
	pages := func(fail int, asked *[]engage.PageRequest) func(context.Context, engage.PageRequest) (engage.Page[int], error) {
		return func(_ context.Context, request engage.PageRequest) (engage.Page[int], error) {
			*asked = append(*asked, request)
			n := len(*asked)
			if n == fail {
				return engage.Page[int]{}, engage.ErrUnavailable
			}
			page := engage.Page[int]{Items: []int{2*n - 1, 2 * n}}
			if n < 3 {
				page.Next = engage.Cursor(fmt.Sprint(n))
			}
			return page, nil
		}
	}
	t.Run("answers every item of every page, the largest pages there are", func(t *testing.T) {
		t.Parallel()
		var asked []engage.PageRequest
		var got []int
		for item, err := range engage.Walk(t.Context(), pages(0, &asked)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item)
		}
		if fmt.Sprint(got) != "[1 2 3 4 5 6]" || fmt.Sprint(asked) != "[{ 500} {1 500} {2 500}]" {
			t.Errorf("%v by %v", got, asked)
		}
	})
	t.Run("ends with the first error", func(t *testing.T) {
		t.Parallel()
		var asked []engage.PageRequest
		items, failures := 0, 0
		for item, err := range engage.Walk(t.Context(), pages(2, &asked)) {
			if err != nil {
				failures++
				if item != 0 || !errors.Is(err, engage.ErrUnavailable) {
					t.Errorf("%d, %v", item, err)
				}
				continue
			}
			items++
		}
		if items != 2 || failures != 1 {
			t.Errorf("%d items, %d errors", items, failures)
		}
	})
	t.Run("asks for no more than is walked", func(t *testing.T) {
		t.Parallel()
		var asked []engage.PageRequest
		for _, err := range engage.Walk(t.Context(), pages(0, &asked)) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if len(asked) != 1 {
			t.Errorf("%d pages", len(asked))
		}
	})
}
