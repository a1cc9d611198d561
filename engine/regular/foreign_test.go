package regular

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// soon fails the test where a call takes long: nothing in the place of a file may keep it waiting.
func soon(t *testing.T, what string, call func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: it waits", what)
	}
}

// Whatever stands in the place of a foreign file ends its reading at once, with an error that names the file.
func TestForeign(t *testing.T) {
	directory := t.TempDir()
	here := func(name string) string { return filepath.Join(directory, name) }
	socket, err := net.Listen("unix", here("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := errors.Join(
		os.WriteFile(here("file"), []byte("text"), 0o600),
		os.Symlink("file", here("link")),
		os.Mkdir(here("directory"), 0o700),
		syscall.Mkfifo(here("fifo"), 0o600),
		os.Symlink("fifo", here("link to a fifo")),
		os.Symlink("/dev/zero", here("zero")),
		os.Symlink("nothing", here("dangling")),
		os.Symlink("loop", here("loop")),
		os.WriteFile(here("sparse"), nil, 0o600),
		os.Truncate(here("sparse"), 1<<40),
	); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]string{
		"directory": "not-a-regular-file", "fifo": "not-a-regular-file", "link to a fifo": "not-a-regular-file", "zero": "not-a-regular-file",
		"socket": "not-a-regular-file", "dangling": "", "loop": "", "sparse": "too-large-to-read",
	} {
		soon(t, name, func() {
			_, err := ReadForeign(t.Context(), here(name), 1<<20)
			if err == nil || !strings.Contains(err.Error(), here(name)) || fault.As(err) == nil != (code == "") || code != "" && fault.As(err).Code != code {
				t.Errorf("%s: %v", name, err)
			}
			if code == "too-large-to-read" {
				return
			}
			if _, err := OpenForeign(t.Context(), here(name)); err == nil {
				t.Errorf("%s was opened", name)
			}
			if _, err := ReadHead(t.Context(), here(name), 1<<20); err == nil {
				t.Errorf("%s was read", name)
			}
		})
	}
	for _, name := range []string{"file", "link"} {
		if text, err := ReadForeign(t.Context(), here(name), 4); err != nil || string(text) != "text" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := ReadForeign(t.Context(), here("file"), 3); fault.As(err) == nil || fault.As(err).Code != "too-large-to-read" || !strings.Contains(err.Error(), " 3 bytes") {
		t.Errorf("a limit of 3: %v", err)
	}
	if head, err := ReadHead(t.Context(), here("sparse"), 3); err != nil || len(head) != 3 {
		t.Errorf("head: %q, %v", head, err)
	}
	if _, err := ReadForeign(t.Context(), here("none"), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if opened, err := OpenAny(t.Context(), directory); err != nil {
		t.Error(err)
	} else {
		if entries, err := opened.ReadDir(-1); err != nil || len(entries) == 0 {
			t.Errorf("%v, %v", entries, err)
		}
		_ = opened.Close()
	}
}

// A file whose size says nothing, as in /proc, is read to its end; one that grows is read to the limit.
func TestForeignSizes(t *testing.T) {
	if text, err := ReadForeign(t.Context(), "/proc/self/status", 1<<20); err != nil || !bytes.Contains(text, []byte("Pid:")) {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := ReadForeign(t.Context(), "/proc/self/status", 10); fault.As(err) == nil || fault.As(err).Code != "too-large-to-read" {
		t.Error(err)
	}
}

// Large files come whole, read as a stream and by offset.
func TestForeignReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	content := bytes.Repeat([]byte("0123456789abcdef"), 3*piece/16+1)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if all, err := io.ReadAll(opened); err != nil || !bytes.Equal(all, content) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	part := make([]byte, 2*piece+5)
	if n, err := opened.ReadAt(part, 7); err != nil || n != len(part) || !bytes.Equal(part, content[7:7+len(part)]) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := opened.ReadAt(part, int64(len(content))-3); err != io.EOF || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
}

// A read that hangs, as on a server that is gone, ends with its context; later reads and the closing do not
// wait either.
func TestForeignHangs(t *testing.T) {
	reading, writing, err := os.Pipe() // an open end that says nothing stands for the server
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	for name, test := range map[string]struct {
		end  func() (context.Context, context.CancelFunc)
		code string
	}{
		"a time-out": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 50*time.Millisecond)
		}, "read-timeout"},
		"a signal": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, cancel
		}, "interrupted"},
	} {
		ctx, cancel := test.end()
		defer cancel()
		stuck := &Foreign{ctx: ctx, path: "/srv/stuck", file: reading}
		for range 2 {
			soon(t, name, func() {
				if _, err := stuck.Read(make([]byte, 10)); fault.As(err) == nil || fault.As(err).Code != test.code || !strings.Contains(err.Error(), "/srv/stuck") {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	soon(t, "closing", func() {
		stuck := &Foreign{ctx: t.Context(), path: "/srv/stuck", file: reading, lost: errors.New("lost")}
		if err := stuck.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What is opened at last by a call that was given up is closed.
func TestAwaitDiscards(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release, discarded := make(chan struct{}), make(chan int, 1)
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := Await(ctx, "/srv/stuck", func() (int, error) { <-release; return 7, nil }, func(n int) { discarded <- n })
	if fault.ClassOf(err) != fault.Interrupted {
		t.Error(err)
	}
	close(release)
	if n := <-discarded; n != 7 {
		t.Error(n)
	}
}

// What the caller hands over as a descriptor is read though it is a pipe, until its end.
func TestHanded(t *testing.T) {
	for path, want := range map[string]bool{
		"/dev/stdin": true, "/dev/fd/63": true, "/proc/self/fd/5": true, "/proc/1/fd/5": os.Getpid() == 1, "/tmp/dev/fd/3": false, "/dev/fd/../zero": false, "/dev/fd": false,
	} {
		if Handed(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, _ = writing.WriteString("text")
		_ = writing.Close()
	}()
	soon(t, "a pipe", func() {
		text, err := ReadHead(t.Context(), "/dev/fd/"+strconv.Itoa(int(reading.Fd())), 100)
		if err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
	})
}
