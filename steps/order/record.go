package order

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Record is one step's part of the record of a directory. It is a part of the step's memo; the zero Record does nothing.
type Record struct {
	// Dir is the directory that holds the releases, absolute.
	Dir string `json:"dir,omitempty"`
	// Name is the name of the step's file in the record.
	Name string `json:"name,omitempty"`
	// Mark means that there was no record before, so an undo removes the empty one.
	Mark bool `json:"mark,omitempty"`
	// Modified is the time of the record's directory, which an undo gives back.
	Modified time.Time `json:"modified,omitzero"`
}

// In returns the part of a step of that run in the record of dir, whether or not there is a record yet.
func In(run *step.Run, dir string) Record {
	name := strings.ReplaceAll(run.ID+"-"+run.Step, "/", "-")
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	record := Record{Dir: dir, Name: name}
	info, err := run.Machine.Lstat(filepath.Join(dir, Folder))
	if err == nil {
		record.Modified = info.ModTime()
	}
	record.Mark = errors.Is(err, fs.ErrNotExist)
	return record
}

// Beside is In for a step that makes the directory path: it is the zero Record where nothing tells that path lies among releases.
// There is a record beside it already, or one of links, which are links to a release or lead to it, lies beside it.
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

// Install records that the release of that name, in the record's directory, is installed now: it is the newest, and not bad. It also
// notes which other releases are there without a record of their own. The caller makes it durable before the release gets its name.
func (r Record) Install(release string) error {
	return r.write(line{kind: installed, release: release})
}

// Leave records that leave is left as bad, where it is not "", and that choose is not bad any more, where it is not "".
// The caller makes it durable.
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

// Begin makes an empty record, so that later steps know that the directory holds releases. It need not be durable.
func (r Record) Begin() error {
	if r.Dir == "" || !r.Mark {
		return nil
	}
	folder, err := r.open()
	if err != nil {
		return err
	}
	return folder.Close()
}

func (r Record) write(lines ...line) error {
	if r.Dir == "" {
		return nil
	}
	folder, err := r.open()
	if err != nil {
		return err
	}
	defer folder.Close()
	others, err := r.others(lines)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, one := range append(others.found, lines...) {
		one.number = others.last + 1
		text.WriteString(one.String())
	}
	// Never in place: where the name is taken by anything else than our own file of an attempt before, that is removed, not opened.
	if err := folder.Remove(r.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain(err)
	}
	file, err := folder.OpenFile(r.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return r.explain(err)
	}
	_, err = file.WriteString(text.String())
	return r.explain(errors.Join(err, file.Close()))
}

// others are what the other files say: the last number, and a line for each release without a record.
func (r Record) others(lines []line) (others struct {
	last  int
	found []line
}, err error) {
	machine := step.Local{}
	_, files, err := read(machine, r.Dir)
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
	releases, err := machine.ReadDir(r.Dir)
	for _, one := range releases {
		if one.IsDir() && !strings.HasPrefix(one.Name(), ".") && !known[one.Name()] {
			others.found = append(others.found, line{kind: found, release: one.Name()})
		}
	}
	return others, r.explain(err)
}

// open opens the record, and makes it where it is missing. A link that leads out of the directory is refused.
func (r Record) open() (*os.Root, error) {
	dir, err := os.OpenRoot(r.Dir)
	if err != nil {
		return nil, r.explain(err)
	}
	defer dir.Close()
	err = dir.Mkdir(Folder, 0o755)
	if err == nil {
		err = dir.Chmod(Folder, 0o755) // whatever the umask
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, r.explain(err)
	}
	folder, err := dir.OpenRoot(Folder)
	return folder, r.explain(err)
}

// Undo removes what the step recorded. It may be called any number of times.
func (r Record) Undo() error {
	if r.Dir == "" {
		return nil
	}
	dir, err := os.OpenRoot(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return r.explain(err)
	}
	defer dir.Close()
	err = dir.Remove(filepath.Join(Folder, r.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain(err)
	}
	if r.Mark && dir.Remove(Folder) == nil { // what another step recorded since keeps it
		return durable.SyncFolder(r.Dir)
	}
	if err != nil {
		return nil // it had recorded nothing, or that is gone already
	}
	if !r.Modified.IsZero() {
		if err := dir.Chtimes(Folder, time.Time{}, r.Modified); err != nil {
			return r.explain(err)
		}
	}
	return durable.SyncFolder(filepath.Join(r.Dir, Folder))
}

// Forget removes the records of releases that are not in dir any more. It is best effort: what stays is only never read.
func Forget(dir string, releases []string) {
	machine := step.Local{}
	gone := map[string]bool{}
	for _, name := range releases {
		_, err := machine.Lstat(filepath.Join(dir, name))
		gone[name] = errors.Is(err, fs.ErrNotExist)
	}
	_, files, err := read(machine, dir)
	root, failed := os.OpenRoot(dir)
	if err != nil || failed != nil {
		return
	}
	defer root.Close()
	for name, lines := range files {
		needed := false
		for _, one := range lines {
			needed = needed || one.kind != found && !gone[one.release]
		}
		if !needed {
			_ = root.Remove(filepath.Join(Folder, name))
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
		return found.WithHint("see what is there: ls -la %s", filepath.Join(r.Dir, Folder))
	}
	return explained
}
