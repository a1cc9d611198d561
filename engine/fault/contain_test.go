package fault

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// moody panics when it is asked what it is.
type moody struct{}

func (moody) Error() string { panic("again") }

// panics are what a library may panic with.
var panics = map[string]func(){
	"a text":           func() { panic("text") },
	"an error":         func() { panic(io.EOF) },
	"a fault":          func() { panic(New(Refused, "some-code", "a message")) },
	"nothing":          func() { panic(nil) },
	"a panicking text": func() { panic(moody{}) },
	"an index":         func() { var none []byte; _ = none[len(none)] },
	"a negative slice": func() { at := -1; _ = make([]byte, 3)[at:] },
	"a nil pointer":    func() { var none *Fault; none.Code = "" },
}

// TestContain: whatever a library panics with becomes a plain error that names the library and the place, and
// that no caller takes for io.EOF or for a fault of gwe.
func TestContain(t *testing.T) {
	for name, burst := range panics {
		call := func() (err error) {
			defer Contain("some/library", &err)
			burst()
			return nil
		}
		err := call()
		if err == nil || !strings.HasPrefix(err.Error(), "some/library panicked in contain_test.go:") {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, io.EOF) || As(err) != nil {
			t.Errorf("%s: the panic's own value is in the chain: %v", name, err)
		}
	}
}

// burst is a reader that panics the second time.
type burst struct{ calls *int }

func (b burst) Read(into []byte) (int, error) {
	if *b.calls++; *b.calls == 2 {
		panic("burst")
	}
	return copy(into, "data"), nil
}

// TestContained: a reader that has panicked is not read again.
func TestContained(t *testing.T) {
	calls := 0
	reader := Contained("some/library", burst{&calls})
	into := make([]byte, 8)
	if n, err := reader.Read(into); n != 4 || err != nil {
		t.Errorf("the first read: %d, %v", n, err)
	}
	for range 3 {
		if n, err := reader.Read(into); n != 0 || err == nil || !strings.Contains(err.Error(), "burst") {
			t.Errorf("after the panic: %d, %v", n, err)
		}
	}
	if calls != 2 {
		t.Errorf("the library was read %d times", calls)
	}
}
