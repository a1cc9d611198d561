package order

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Record is one step's part of the record of a directory. It is a part of the step's memo; the zero Record
// does nothing.
type Record struct {
	// Dir is the directory that holds the releases, absolute.
	Dir string `json:"dir,omitempty"`
	// Name is the name of the step's file in the record.
	Name string `json:"name,omitempty"`
	// Mark means that there was no record before, so an undo removes the empty one.
	Mark bool `json:"mark,omitempty"`
	// Modified is the time of the record's directory, which an undo gives back.
	Modified time.Time `json:"modified,omitzero"`
	// Parents tells which directory Dir was.
	Parents []step.Parent `json:"parents,omitempty"`
}

// In returns the part of a step of that run in the record of dir, whether or not there is a record yet. It is
// for Prepare: from then on the record is that of the directory which dir is now, wherever the links of its
// path lead to later.
func In(run *step.Run, dir string) Record {
	name := strings.ReplaceAll(run.ID+"-"+run.Step, "/", "-")
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	record := Record{Dir: dir, Name: name}
	parents := step.NewParents()
	opened, name, err := (&step.Run{Parents: parents}).Dir(filepath.Join(dir, Directory))
	if err == nil {
		defer opened.Close()
		record.Parents = parents.Noted()
		var status unix.Stat_t
		if status, err = opened.Stat(name); err == nil {
			record.Modified = time.Unix(status.Mtim.Unix())
		}
	} else if info, lost := run.Machine.Lstat(filepath.Join(dir, Directory)); lost == nil {
		record.Modified, err = info.ModTime(), nil
	} else {
		err = lost
	}
	record.Mark = errors.Is(err, fs.ErrNotExist)
	return record
}

// Beside is In for a step that makes the directory path: it is the zero Record where nothing tells that path
// lies among releases. There is a record beside it already, or one of links, which are links to a release or
// lead to it, lies beside it.
func Beside(run *step.Run, path string, links ...string) Record {
	dir := filepath.Dir(path)
	record := In(run, dir)
	if !record.Mark {
		return record
	}
	here, err := run.Machine.Stat(dir)
	if err != nil {
		return Record{}
	}
	for _, link := range links {
		for _, at := range []string{link, resolved(link)} {
			if there, err := run.Machine.Stat(filepath.Dir(at)); at != "" && err == nil && os.SameFile(here, there) {
				return record
			}
		}
	}
	return Record{}
}

// resolved follows symbolic links to the end; "" where they lead nowhere.
func resolved(path string) string {
	if path == "" {
		return ""
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return real
}

// Install records that the release of that name, in the record's directory, is installed now: it is the
// newest, and not bad. It also notes which other releases are there without a record of their own. The caller
// makes it durable before the release gets its name.
func (r Record) Install(release string) error {
	return r.write(line{kind: installed, release: release})
}

// Leave records that leave is left as bad, where it is not "", and that choose is not bad any more, where it
// is not "". The caller makes it durable.
func (r Record) Leave(leave, choose string) error {
	var lines []line
	if leave != "" {
		lines = append(lines, line{kind: left, release: leave})
	}
	if choose != "" {
		lines = append(lines, line{kind: chosen, release: choose})
	}
	return r.write(lines...)
}

// Begin makes an empty record, so that later steps know that the directory holds releases. It need not be
// durable.
func (r Record) Begin() error {
	if r.Dir == "" || !r.Mark {
		return nil
	}
	dir, err := r.open()
	if err != nil {
		return r.explain(err)
	}
	defer dir.Close()
	directory, err := begin(dir)
	directory.Close()
	return r.explain(err)
}

func (r Record) write(lines ...line) error {
	if r.Dir == "" {
		return nil
	}
	dir, err := r.open()
	if err != nil {
		return r.explain(err)
	}
	defer dir.Close()
	directory, err := begin(dir)
	if err != nil {
		return r.explain(err)
	}
	defer directory.Close()
	others, err := r.others(dir, directory, lines)
	if err != nil {
		return r.explain(err)
	}
	var text strings.Builder
	for _, one := range append(others.found, lines...) {
		one.number = others.last + 1
		text.WriteString(one.String())
	}
	// Never in place: where the name is taken by anything else than our own file of an attempt before, that
	// is removed, not opened.
	if err := directory.Remove(r.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain(err)
	}
	file, err := directory.Create(r.Name, 0o644)
	if err != nil {
		return r.explain(err)
	}
	_, err = file.WriteString(text.String())
	return r.explain(errors.Join(err, file.Close()))
}

// others are what the other files say: the last number, and a line for each release without a record.
func (r Record) others(dir, directory *openat.Dir, lines []line) (others struct {
	last  int
	found []line
}, err error) {
	files, err := readIn(directory)
	if err != nil {
		return others, err
	}
	known := map[string]bool{}
	for _, one := range lines {
		known[one.release] = known[one.release] || one.kind == installed
	}
	for name, earlier := range files {
		for _, one := range earlier {
			if name != r.Name {
				others.last = max(others.last, one.number)
				known[one.release] = known[one.release] || one.kind == installed
			}
		}
	}
	releases, err := dir.Names()
	for _, name := range releases {
		if strings.HasPrefix(name, ".") || known[name] {
			continue
		}
		if status, err := dir.Stat(name); err == nil && status.Mode&unix.S_IFMT == unix.S_IFDIR {
			others.found = append(others.found, line{kind: found, release: name})
		}
	}
	return others, err
}

// open opens the directory that holds the releases, which must be the one that it was.
func (r Record) open() (*openat.Dir, error) {
	run := step.Run{}
	if len(r.Parents) > 0 {
		run.Parents = step.KnownParents(r.Parents)
	}
	dir, _, err := run.Dir(filepath.Join(r.Dir, Directory))
	return dir, err
}

// begin opens the record in a directory, and makes it where it is missing. A link is refused.
func begin(dir *openat.Dir) (*openat.Dir, error) {
	const mode = 0o755 // whatever the umask
	err := dir.Mkdir(Directory, mode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	fresh := err == nil
	directory, err := dir.Sub(Directory)
	if err != nil || !fresh {
		return directory, err
	}
	if err := readable(directory, mode); err != nil {
		directory.Close()
		return nil, err
	}
	return directory, nil
}

// readable lets all read the record that was made. What another user has put in its place meanwhile is not
// ours to change.
func readable(directory *openat.Dir, mode uint32) error {
	self, err := directory.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	status, err := self.Stat()
	if err != nil || status.Mode&0o777 == mode || int(status.Uid) != os.Geteuid() {
		return err
	}
	if names, err := directory.Names(); err != nil || len(names) > 0 {
		return err
	}
	return self.Chmod(mode)
}

// Undo removes what the step recorded. It may be called any number of times. Where the directory is another
// one by now it has the fault parent-changed, and nothing is removed.
func (r Record) Undo() error {
	if r.Dir == "" {
		return nil
	}
	dir, err := r.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return r.explain(err)
	}
	defer dir.Close()
	directory, err := dir.Sub(Directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return r.explain(err)
	}
	defer directory.Close()
	if err := directory.Remove(r.Name + filesSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain(err)
	}
	err = directory.Remove(r.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain(err)
	}
	if r.Mark {
		switch kept := dir.Remove(Directory); {
		case kept == nil:
			return dir.Sync()
		case !errors.Is(kept, syscall.ENOTEMPTY) && !errors.Is(kept, fs.ErrExist) && !errors.Is(kept, fs.ErrNotExist): // what another step recorded since keeps it
			return r.explain(kept)
		}
	}
	if err != nil {
		return nil // it had recorded nothing, or that is gone already
	}
	if !r.Modified.IsZero() {
		if err := r.backdate(directory); err != nil {
			return r.explain(err)
		}
	}
	return r.explain(directory.Sync())
}

// Sync makes what was recorded durable, unless it lies on the file system of a directory that was synced
// already.
func (r Record) Sync(synced *openat.Dir) error {
	if r.Dir == "" {
		return nil
	}
	dir, err := r.open()
	if err != nil {
		return r.explain(err)
	}
	defer dir.Close()
	here, err := dir.Identity()
	if there, lost := synced.Identity(); err == nil && lost == nil && here.Device == there.Device {
		return nil
	}
	return r.explain(errors.Join(err, dir.SyncFileSystem()))
}

// backdate gives the record the time that it had.
func (r Record) backdate(directory *openat.Dir) error {
	self, err := directory.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	return self.Utimes(unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(r.Modified.UnixNano()))
}

// Forget removes the records of releases that are not in dir any more. It is best effort: what stays is only
// never read.
func Forget(dir *openat.Dir, releases []string) {
	gone := map[string]bool{}
	for _, name := range releases {
		_, err := dir.Stat(name)
		gone[name] = errors.Is(err, fs.ErrNotExist)
	}
	directory, err := dir.Sub(Directory)
	if err != nil {
		return
	}
	defer directory.Close()
	files, err := readIn(directory)
	if err != nil {
		return
	}
	for name, lines := range files {
		needed := false
		for _, one := range lines {
			needed = needed || one.kind != found && !gone[one.release]
		}
		if !needed {
			_ = directory.Remove(name + filesSuffix)
			_ = directory.Remove(name)
		}
	}
}

// explain adds what an operator can do.
func (r Record) explain(err error) error {
	if err == nil {
		return nil
	}
	explained := durable.Explain(err, "cannot record the order of the releases in %s", r.Dir)
	if found := fault.As(explained); found != nil && found.Hint == "" {
		return found.WithHint("see what is there: ls -la %s", filepath.Join(r.Dir, Directory))
	}
	return explained
}
