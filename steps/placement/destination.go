package placement

import (
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Destination looks at what is at the path, nil where nothing is, and makes sure that there is a directory to
// put it in.
func Destination(machine step.Machine, verb, path string) (fs.FileInfo, error) {
	if path == "/" {
		return nil, fault.New(fault.Refused, verb+"-root", "nothing can take the place of the root of the file system").
			WithHint("name a path below it")
	}
	info, err := Lstat(machine, path)
	if looking, is := machine.(*descriptors); err != nil || info != nil || is && looking.opened == filepath.Dir(path) {
		return info, err
	}
	directory, err := machine.Stat(filepath.Dir(path))
	if err != nil || !directory.IsDir() {
		return nil, fault.New(fault.Failed, verb+"-no-directory", "there is no directory %s to write in", filepath.Dir(path)).
			WithHint("make it in a step before: mkdir: { path: %s, parents: true }", filepath.Dir(path)).WithCause(err)
	}
	return nil, nil
}

// Movable refuses what must not be moved out of its place: something is mounted on it, or an undo needs it.
func Movable(machine step.Machine, leased func(string) bool, verb, path string, info fs.FileInfo) error {
	if info.IsDir() {
		mounted, err := durable.MountedAt(machine, path, info)
		if err != nil {
			return err
		}
		if mounted != "" {
			return mountPoint(verb, mounted, path)
		}
	}
	if leased != nil && leased(path) {
		return fault.New(fault.Refused, "path-leased", "%s is still needed to undo a run", path).
			WithHint("`gwe runs` marks the runs whose undo is kept; the next commit with the same lock releases it, or by `gwe forget`")
	}
	return nil
}

// Stays refuses to move away a directory on which something is mounted.
func Stays(here Location, verb string, info fs.FileInfo) error {
	if !info.IsDir() || here.Dir == nil {
		return nil
	}
	mounted, err := durable.MountedIn(here.Dir, here.Name)
	if err == nil && mounted != "" {
		err = mountPoint(verb, mounted, here.Path)
	}
	return err
}

func mountPoint(verb, mounted, path string) error {
	return fault.New(fault.Refused, verb+"-mount-point", "something is mounted on %s, so %s must stay where it is", mounted, path).
		WithHint("unmount it first: umount %s", mounted)
}
