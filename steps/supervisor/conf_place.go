package supervisor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// placement is a file that takes another one's place, or nobody's.
type placement struct {
	Path string `json:"path"`
	// New is the hidden name of the new file until it takes its place; "" where the file is as wanted already. Old is
	// the hidden name of the old one from then on, "" where there was none.
	New string `json:"new,omitempty"`
	Old string `json:"old,omitempty"`
	// Digest is the new content's, by which the undo knows the file again.
	Digest string `json:"digest,omitempty"`
}

func digestOf(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// lstat tells what is at path; nil where nothing is.
func lstat(machine step.Machine, path string) (fs.FileInfo, error) {
	info, err := machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	return info, durable.Explain(err, "cannot look at %s", path)
}

// has tells whether the file at path has that digest.
func has(machine step.Machine, path, digest string) (bool, error) {
	content, err := machine.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && digestOf(content) == digest, durable.Explain(err, "cannot read %s", path)
}

// placing is the open directory of a placement, and the names in it; "" is none.
type placing struct {
	placement
	dir                 *openat.Dir
	name, fresh, former string
}

// open opens the directory that holds the file.
func (p placement) open(run *step.Run) (placing, error) {
	dir, name, err := run.Dir(p.Path)
	base := func(path string) string {
		if path == "" {
			return ""
		}
		return filepath.Base(path)
	}
	return placing{p, dir, name, base(p.New), base(p.Old)}, durable.Explain(err, "cannot look at %s", p.Path)
}

// look tells what has a name; nil where nothing has it.
func (p placing) look(name string) (*unix.Stat_t, error) {
	if name == "" {
		return nil, nil
	}
	status, err := p.dir.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &status, durable.Explain(err, "cannot look at %s", p.dir.Join(name))
}

func regular(status *unix.Stat_t) bool {
	return status != nil && status.Mode&unix.S_IFMT == unix.S_IFREG
}

func same(one, other *unix.Stat_t) bool { return one.Dev == other.Dev && one.Ino == other.Ino }

// largestPlaced is more than what is made of the largest supervisor.conf.
const largestPlaced = 8 * largestConf

// is tells whether the file at the path has the digest. What is no regular file has none.
func (p placing) is(digest string) (bool, error) {
	now, err := p.look(p.name)
	if err != nil || !regular(now) || now.Size > largestPlaced {
		return false, err
	}
	file, err := p.dir.Open(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, durable.Explain(err, "cannot read %s", p.Path)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largestPlaced))
	return err == nil && digestOf(content) == digest, durable.Explain(err, "cannot read %s", p.Path)
}

// place puts the content at the path, durable, and keeps the old file under its hidden name. All of it, and what was written
// down in the frame's folder, is durable before the path changes.
func (p placing) place(run *step.Run, content []byte) error {
	if err := p.create(content); err != nil {
		return durable.Explain(err, "cannot write %s", p.Path)
	}
	if p.former != "" {
		if err := p.dir.Link(p.name, p.dir, p.former); err != nil {
			return durable.Explain(err, "cannot keep the old %s", p.Path)
		}
	}
	if err := p.syncWith(run.Folder); err != nil {
		return err
	}
	if p.former == "" {
		return p.settled(p.dir.RenameNoReplace(p.fresh, p.dir, p.name))
	}
	return p.settled(p.dir.Rename(p.fresh, p.dir, p.name))
}

// syncWith makes durable what was written in the directory, and in a folder of gwe's: with one syncfs where they are on one file system.
func (p placing) syncWith(folder string) error {
	frame, err := openat.Open(folder)
	if err != nil {
		return durable.Explain(err, "cannot open %s", folder)
	}
	defer frame.Close()
	one, err := p.dir.Identity()
	other, failed := frame.Identity()
	if err = errors.Join(err, failed, p.dir.SyncFileSystem()); err == nil && one.Device != other.Device {
		err = frame.SyncFileSystem()
	}
	return durable.Explain(err, "cannot sync the file system of %s", p.Path)
}

// settled makes a rename durable.
func (p placing) settled(err error) error {
	if err == nil {
		err = p.dir.Sync()
	}
	return durable.Explain(err, "cannot give %s its place", p.Path)
}

// create makes the new file under its hidden name, with the old one's owner and mode.
func (p placing) create(content []byte) error {
	mode, uid, gid := fs.FileMode(0o644), os.Geteuid(), os.Getegid()
	if p.former != "" {
		old, err := p.dir.Stat(p.name)
		if err != nil {
			return err
		}
		if !regular(&old) {
			return p.changed()
		}
		mode, uid, gid = fs.FileMode(old.Mode&0o777), int(old.Uid), int(old.Gid)
	}
	file, err := p.dir.Create(p.fresh, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Chown(uid, gid); err != nil {
		return err
	}
	return file.Chmod(mode)
}

// takeBack puts the old file, or nothing, in the place of the new one. While the new file has its hidden name it never took
// the place, and what is there is not ours.
func (p placement) takeBack(run *step.Run) error {
	if p.New == "" {
		return nil
	}
	at, err := p.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its directory is gone, and all that was in it
	}
	if err != nil {
		return err
	}
	defer at.dir.Close()
	return at.takeBack()
}

func (p placing) takeBack() error {
	fresh, err := p.look(p.fresh)
	if err != nil {
		return err
	}
	now, err := p.look(p.name)
	if err != nil {
		return err
	}
	if fresh != nil {
		if now != nil && same(fresh, now) {
			// Where a rename cannot refuse a taken name, the new file has both names for a moment.
			err = p.remove(p.name)
		}
		return errors.Join(err, p.remove(p.former), p.remove(p.fresh))
	}
	kept, err := p.look(p.former)
	if err != nil || kept == nil && p.former != "" {
		return err
	}
	ours, err := p.is(p.Digest)
	if err != nil {
		return err
	}
	switch {
	case kept != nil && now != nil && same(kept, now):
		return p.remove(p.former) // both names are the old file's
	case kept != nil && (now == nil || ours):
		return p.settled(p.dir.Rename(p.former, p.dir, p.name))
	case kept == nil && ours:
		return p.remove(p.name)
	case kept == nil:
		return nil // nothing was done, or it was undone already
	}
	return p.changed()
}

func (p placing) changed() error {
	return fault.New(fault.Failed, "supervisor-conf-changed", "%s is neither the file that was there nor the one that was written", p.Path).
		WithHint("see what else writes it, and put there by hand what belongs there; the old file is %s", p.Old)
}

// inspect refuses a rollback where the file was changed since: its undo would fail, or leave it.
func (p placement) inspect(run *step.Run) error {
	if p.New == "" {
		return nil
	}
	at, err := p.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.dir.Close()
	now, err := at.look(at.name)
	if err != nil || now == nil {
		return err
	}
	if ours, err := at.is(p.Digest); err != nil || ours {
		return err
	}
	return fault.New(fault.Failed, "supervisor-conf-changed", "%s is no longer the file that was written", p.Path).
		WithHint("see what was changed in it, and move it away: mv %s %s.changed", p.Path, p.Path)
}

// release removes the old file, which no undo needs any more.
func (p placement) release(run *step.Run) error {
	if p.Old == "" {
		return nil
	}
	at, err := p.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.dir.Close()
	return at.remove(at.former)
}

// remove removes a file durably; it is no error if nothing is there, or no name is given.
func (p placing) remove(name string) error {
	if name == "" {
		return nil
	}
	err := p.dir.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = p.dir.Sync()
	}
	return durable.Explain(err, "cannot remove %s", p.dir.Join(name))
}
