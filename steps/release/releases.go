package release

import (
	"cmp"
	"io/fs"
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

// directory is a release.
type directory struct {
	name string
	info fs.FileInfo
	made time.Time
	// rank is its place in the recorded order, and bad means that it was left as bad.
	rank int
	bad  bool
}

// releasesIn lists the releases in dir, newest first. damaged are files of their record that count as absent.
func releasesIn(machine step.Machine, dir string) (releases []directory, damaged []string, err error) {
	entries, err := machine.ReadDir(dir)
	if err != nil {
		return nil, nil, fault.New(fault.Failed, "releases-unlisted", "the releases in %s cannot be listed", dir).
			WithHint("dir is the directory that holds the releases: ls -ld %s", dir).WithCause(err)
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
		releases = append(releases, directory{entry.Name(), info, made, known.Rank(entry.Name()), known.Bad(entry.Name())})
	}
	slices.SortFunc(releases, func(a, b directory) int {
		// Only where nothing is recorded the age of the directory counts, and within one tick of the file
		// system's clock the name.
		return cmp.Or(cmp.Compare(b.rank, a.rank), b.made.Compare(a.made), cmp.Compare(b.name, a.name))
	})
	return releases, known.Damaged, nil
}

// madeAt tells when a directory was made on this machine; where nobody knows, when its inode last changed.
func madeAt(machine step.Machine, path string, info fs.FileInfo) (time.Time, error) {
	opened, err := machine.Open(path)
	if err != nil {
		return time.Time{}, durable.Explain(err, "cannot open %s", path)
	}
	defer opened.Close()
	if file, ok := opened.(interface{ Fd() uintptr }); ok {
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
