package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// nobody is the user and the group that owns nothing.
const nobody = 65534

// asNobody runs gwe as another user than root. Everyone may pass on the way to the device's directory.
func (d *device) asNobody(arguments ...string) outcome {
	d.Helper()
	need.Root(d, "it runs gwe as somebody else")
	directory := filepath.Join(d.root, "bin")
	if _, err := os.Stat(directory); err != nil {
		// The one of the scripts lies where only root gets.
		check(d, os.Mkdir(directory, 0o755))
		copyProgram(d, directory+"/gwe")
	}
	command := d.command(arguments...)
	command.Path, command.Err = directory+"/gwe", nil
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for at := d.root; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		check(d, err)
		check(d, os.Chmod(at, info.Mode()|0o011))
	}
	return d.end(command)
}

// copyProgram copies the program of the tests, by a program of its own: while this one writes it, a parallel
// test's fork may take the open file along, and then it is busy.
func copyProgram(t testing.TB, to string) {
	t.Helper()
	program, err := os.Executable()
	check(t, err)
	check(t, exec.Command("cp", program, to).Run())
}

// giveAway makes nobody the owner of a whole tree, or, for the device's directory, of that directory alone.
func (d *device) giveAway(directories ...string) {
	d.Helper()
	need.Root(d, "it gives files to somebody else")
	for _, directory := range directories {
		if directory == d.root {
			check(d, os.Chown(directory, nobody, nobody))
			continue
		}
		check(d, filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		}))
	}
}
