package openat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

func TestRemoveAll(t *testing.T) {
	base := tree(t, "out/", "out/file", "d/", "d/t/", "d/t/link -> ../../out")
	for i := range 600 {
		check(t, os.MkdirAll(fmt.Sprintf("%s/d/t/%d/x", base, i%300), 0o755))
		check(t, os.WriteFile(fmt.Sprintf("%s/d/t/%d/f%d", base, i%300, i), nil, 0o600))
	}
	dir := opened(t, base+"/d")
	check(t, dir.RemoveAll("t"))
	check(t, dir.RemoveAll("t"))
	if names, err := dir.Names(); err != nil || len(names) > 0 {
		t.Error(names, err)
	}
	if _, err := os.Stat(base + "/out/file"); err != nil {
		t.Error(err)
	}
}

// A tree may be deeper than a path may be long, and than a process may have open files.
func TestRemoveAllOfADeepTree(t *testing.T) {
	base := tree(t, "d/")
	dir := opened(t, base+"/d")
	at := opened(t, base+"/d")
	name := strings.Repeat("n", 20)
	for range 1500 {
		check(t, at.Mkdir(name, 0o755))
		below, err := at.Sub(name)
		check(t, err)
		at.Close()
		at = below
	}
	file, err := at.Create("file", 0o600)
	check(t, err)
	file.Close()
	at.Close()
	var limit unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = 64
	check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	defer func() { check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
	check(t, dir.RemoveAll(name))
	if names, err := dir.Names(); err != nil || len(names) > 0 {
		t.Error(len(names), err)
	}
}

// What is mounted within stays, also where it is the same file system.
func TestRemoveAllEntersNoMount(t *testing.T) {
	need.Root(t, "it mounts")
	base := tree(t, "kept/", "kept/file", "d/", "d/t/", "d/t/sub/", "d/t/sub/on/")
	on := filepath.Join(base, "d/t/sub/on")
	check(t, unix.Mount(base+"/kept", on, "", unix.MS_BIND, ""))
	defer func() { check(t, unix.Unmount(on, unix.MNT_DETACH)) }()
	dir := opened(t, base+"/d")
	if err := dir.RemoveAll("t"); !errors.Is(err, unix.EBUSY) {
		t.Error(err)
	}
	if _, err := os.Stat(base + "/kept/file"); err != nil {
		t.Error(err)
	}
}
