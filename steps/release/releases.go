package release

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// folder is a release.
type folder struct {
	name string
	info fs.FileInfo
	made time.Time
	// rank is its place in the recorded order, and bad means that it was left as bad.
	rank int
	bad  bool
}

// releasesIn lists the releases in dir, newest first. damaged are files of their record that count as absent.
func releasesIn(machine step.Machine, dir string) (releases []folder, damaged []string, err error) {
	entries, err := machine.ReadDir(dir)
	if err != nil {
		return nil, nil, fault.New(fault.Failed, "releases-unlisted", "the releases in %s cannot be listed", dir).
			WithHint("dir is the folder that holds the releases: ls -ld %s", dir).WithCause(err)
	}
	known, err := order.Read(machine, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		info, err := machine.Lstat(path)
		if err != nil {
			return nil, nil, durable.Explain(err, "cannot look at %s", path)
		}
		made, err := madeAt(machine, path, info)
		if err != nil {
			return nil, nil, err
		}
		releases = append(releases, folder{entry.Name(), info, made, known.Rank(entry.Name()), known.Bad(entry.Name())})
	}
	slices.SortFunc(releases, func(a, b folder) int {
		// Only where nothing is recorded the age of the directory counts, and within one tick of the file system's clock the name.
		return cmp.Or(cmp.Compare(b.rank, a.rank), b.made.Compare(a.made), cmp.Compare(b.name, a.name))
	})
	return releases, known.Damaged, nil
}

// madeAt tells when a folder was made on this machine; where nobody knows, when its inode last changed.
func madeAt(machine step.Machine, path string, info fs.FileInfo) (time.Time, error) {
	opened, err := machine.Open(path)
	if err != nil {
		return time.Time{}, durable.Explain(err, "cannot open %s", path)
	}
	defer opened.Close()
	if file, ok := opened.(*os.File); ok {
		var status unix.Statx_t
		err := unix.Statx(int(file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &status)
		if err == nil && status.Mask&unix.STATX_BTIME != 0 {
			return time.Unix(status.Btime.Sec, int64(status.Btime.Nsec)), nil
		}
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(status.Ctim.Unix()), nil
	}
	return info.ModTime(), nil
}

// places are the files and folders that protected names lead to, and all folders above them.
type places []fs.FileInfo

// holds tells whether the release is one of the places: a protected name leads to it, or into it.
func (p places) holds(release folder) bool {
	return slices.ContainsFunc(p, func(place fs.FileInfo) bool { return sameFile(place, release.info) })
}

// mostLinks is how many links the kernel follows at most.
const mostLinks = 40

// protected follows every name to its end, and gathers all that lies on the way.
func protected(machine step.Machine, dir string, names []string) (places, error) {
	var found places
	for _, name := range names {
		if name == "" || strings.Contains(name, "/") || name == "." || name == ".." {
			return nil, fault.New(fault.Refused, "prune-protect-name", "protect lists names in %s, and %q is none", dir, name).
				WithHint("write the name alone: current")
		}
		path := filepath.Join(dir, name)
		if _, err := machine.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for range mostLinks {
			found = append(found, above(machine, path)...)
			text, err := machine.ReadLink(path)
			if err != nil {
				break // the end of the way
			}
			if !filepath.IsAbs(text) {
				text = filepath.Join(filepath.Dir(path), text)
			}
			path = filepath.Clean(text)
		}
		if _, err := machine.Stat(filepath.Join(dir, name)); err != nil {
			return nil, fault.New(fault.Refused, "prune-protect-dangling", "%s in %s leads nowhere, so nothing is removed", name, dir).
				WithHint("point it at a release, or take it out of protect").WithCause(err)
		}
	}
	return found, nil
}

// above gives what is at the path and at every path above it, links followed.
func above(machine step.Machine, path string) places {
	var found places
	for ; path != "/" && path != "."; path = filepath.Dir(path) {
		if info, err := machine.Stat(path); err == nil {
			found = append(found, info)
		}
	}
	return found
}
