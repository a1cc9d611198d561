//go:build amd64 || arm64

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestBlocks: a write comes to the disk in blocks of 4 KiB, each at its place; a flush is none.
func TestBlocks(t *testing.T) {
	data := bytes.Repeat([]byte{1, 2, 3}, 3000)
	var offsets, lengths []int
	for _, one := range blocks([]entry{{offset: 1024, data: data}, {offset: flush}, {offset: 8192, data: data[:4096]}}) {
		offsets, lengths = append(offsets, int(one.offset)), append(lengths, len(one.data))
		if one.offset < 8192 && !bytes.Equal(one.data, data[one.offset-1024:][:len(one.data)]) {
			t.Errorf("the block at %d is not that part of its write", one.offset)
		}
	}
	if want := []int{1024, 4096, 8192, 8192}; !slices.Equal(offsets, want) {
		t.Errorf("blocks at %v, want %v", offsets, want)
	}
	if want := []int{3072, 4096, 1832, 4096}; !slices.Equal(lengths, want) {
		t.Errorf("blocks of %v, want %v", lengths, want)
	}
}

// TestNothingComesBehindTheCut: what a machine writes after the last entry comes neither to the disk nor to
// the log, and the machine is told so only when it is gone.
func TestNothingComesBehindTheCut(t *testing.T) {
	directory := t.TempDir()
	image, err := os.Create(filepath.Join(directory, "image"))
	log, logErr := os.Create(filepath.Join(directory, "log"))
	if err := errors.Join(err, logErr); err != nil {
		t.Fatal(err)
	}
	r := &recorder{image: image, log: log, dark: make(chan struct{}), light: make(chan struct{})}
	r.endBehind(2)
	write := func(text string) syscall.Errno {
		_, failed := r.Write(context.Background(), nil, []byte(text), 0)
		return failed
	}
	if failed := errors.Join(errnoOrNil(write("first")), errnoOrNil(r.Fsync(context.Background(), nil, 0))); failed != nil {
		t.Fatal(failed)
	}
	ended := make(chan syscall.Errno)
	go func() { ended <- write("later") }()
	<-r.dark
	select {
	case <-ended:
		t.Error("the machine was told before it was gone")
	default:
	}
	r.release()
	if failed := <-ended; failed != syscall.EIO {
		t.Errorf("the write after the cut ended with %v", failed)
	}
	entries, err := readLog(log.Name(), 2)
	if err != nil || len(entries) != 2 || string(entries[0].data) != "first" || lastFlush(entries) != 2 {
		t.Errorf("the log has %v, %v", entries, err)
	}
	if content, err := os.ReadFile(image.Name()); err != nil || string(content) != "first" {
		t.Errorf("the disk has %q, %v", content, err)
	}
}

func errnoOrNil(failed syscall.Errno) error {
	if failed != 0 {
		return failed
	}
	return nil
}
