package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// children watches whether this process has started another one, even one that has ended since.
type children struct {
	usage   unix.Rusage
	running string
}

func watchChildren(t T) children {
	t.Helper()
	var watch children
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &watch.usage); err != nil {
		t.Fatal(err)
	}
	watch.running = runningChildren(t)
	return watch
}

// nothingRan fails the test where a child runs, or has ended and been waited for, since the watch began.
func (c children) nothingRan(t T) {
	t.Helper()
	if now := watchChildren(t); now != c {
		t.Error("a program was run")
	}
}

func runningChildren(t T) string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, list := range lists {
		// A thread may end between the listing and the reading.
		if text, err := os.ReadFile(list); err == nil {
			all.Write(text)
		}
	}
	return all.String()
}

// noProcessLeft fails the test where a process continues whose environment holds the mark. A killed process
// may need a moment to be gone.
func noProcessLeft(t T, mark string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = marked(t, mark); len(left) == 0 {
			return
		}
	}
	t.Errorf("processes that the stopped do had started are still there: %v", left)
}

// marked gives the ids of the processes whose environment holds the mark.
func marked(t T, mark string) []string {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environments {
		// A process may end between the listing and the reading; a zombie has no environment.
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(mark)) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}
