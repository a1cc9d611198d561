package main_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"strings"
	"testing"
)

// TestPackageChangedWhileRead: the package is overwritten, in place, when its signature has been found good.
// Nothing of what came later gets into the release: either all had been read, or the run fails and puts
// everything back.
func TestPackageChangedWhileRead(t *testing.T) {
	d := newDevice(t)
	noise := make([]byte, 24<<20) // large enough for the extraction to be still under way
	_, _ = rand.Read(noise)
	path := d.packItems("fw-2", release("fw-2", item{name: "fw-2/noise", content: string(noise)})...)
	sound, err := os.ReadFile(path)
	check(t, err)
	evil := bytes.Clone(sound)
	for at := len(evil) / 2; at < len(evil); at += 512 {
		evil[at] ^= 0x55
	}
	failed := 0
	for range 3 {
		check(t, os.WriteFile(path, sound, 0o644))
		asBefore := d.holds()
		command := d.command(append(d.updating(path), "-v")...)
		changed := make(chan error, 1)
		command.Stdout = &watcher{text: "signed by", then: func() { changed <- overwrite(path, evil) }}
		ended := d.end(command)
		check(t, <-changed)
		if ended.code == 0 {
			content, err := os.ReadFile(d.target + "/current/noise")
			check(t, err)
			if !bytes.Equal(content, noise) {
				t.Fatal("what nobody signed is in the release")
			}
			check(t, os.RemoveAll(d.target))
			d.layOut()
			continue
		}
		failed++
		ended.said(t, 6)
		asBefore()
		if said := d.gwe("log", "-v").text; !strings.Contains(said, "changed") || !strings.Contains(said, "hint: ") {
			t.Errorf("nothing is said of the change:\n%s", said)
		}
	}
	if failed == 0 {
		t.Error("in no try was the package changed in time: the test shows nothing")
	}
}

// overwrite changes a file's second half in place: renaming another one over it would change nothing for its
// reader.
func overwrite(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	half := len(content) / 2
	_, err = file.WriteAt(content[half:], int64(half))
	return err
}

// watcher does something when a text comes by, once.
type watcher struct {
	text string
	then func()
	seen bytes.Buffer
}

func (w *watcher) Write(data []byte) (int, error) {
	w.seen.Write(data)
	if w.then != nil && strings.Contains(w.seen.String(), w.text) {
		w.then()
		w.then = nil
	}
	return len(data), nil
}
