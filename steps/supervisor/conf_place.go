package supervisor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
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

// place puts the content at the path, durable, and keeps the old file under its hidden name. All of it, and what was written
// down in the frame's folder, is durable before the path changes.
func (p placement) place(run *step.Run, content []byte) error {
	if err := p.create(content); err != nil {
		return durable.Explain(err, "cannot write %s", p.Path)
	}
	if p.Old != "" {
		if err := os.Link(p.Path, p.Old); err != nil {
			return durable.Explain(err, "cannot keep the old %s", p.Path)
		}
	}
	if err := durable.SyncFileSystems(p.New, run.Folder); err != nil {
		return err
	}
	if p.Old == "" {
		return durable.RenameNoReplace(p.New, p.Path)
	}
	return durable.Rename(p.New, p.Path)
}

// create makes the new file under its hidden name, with the old one's owner and mode.
func (p placement) create(content []byte) error {
	mode, uid, gid := fs.FileMode(0o644), os.Geteuid(), os.Getegid()
	if p.Old != "" {
		info, err := os.Lstat(p.Path)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
		if status, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(status.Uid), int(status.Gid)
		}
	}
	file, err := os.OpenFile(p.New, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
func (p placement) takeBack(machine step.Machine) error {
	if p.New == "" {
		return nil
	}
	fresh, err := lstat(machine, p.New)
	if err != nil {
		return err
	}
	now, err := lstat(machine, p.Path)
	if err != nil {
		return err
	}
	if fresh != nil {
		if now != nil && os.SameFile(fresh, now) {
			// Where a rename cannot refuse a taken name, the new file has both names for a moment.
			err = removeFile(p.Path)
		}
		return errors.Join(err, removeFile(p.Old), removeFile(p.New))
	}
	var kept fs.FileInfo
	if p.Old != "" {
		if kept, err = lstat(machine, p.Old); err != nil || kept == nil {
			return err
		}
	}
	ours := false
	if now != nil && now.Mode().IsRegular() {
		if ours, err = has(machine, p.Path, p.Digest); err != nil {
			return err
		}
	}
	switch {
	case kept != nil && now != nil && os.SameFile(kept, now):
		return removeFile(p.Old) // both names are the old file's
	case kept != nil && (now == nil || ours):
		return durable.Rename(p.Old, p.Path)
	case kept == nil && ours:
		return removeFile(p.Path)
	case kept == nil:
		return nil // nothing was done, or it was undone already
	}
	return fault.New(fault.Failed, "supervisor-conf-changed", "%s is neither the file that was there nor the one that was written", p.Path).
		WithHint("see what else writes it, and put there by hand what belongs there; the old file is %s", p.Old)
}

// inspect refuses a rollback where the file was changed since: its undo would fail, or leave it.
func (p placement) inspect(machine step.Machine) error {
	if p.New == "" {
		return nil
	}
	now, err := lstat(machine, p.Path)
	if err != nil || now == nil {
		return err
	}
	ours := false
	if now.Mode().IsRegular() {
		if ours, err = has(machine, p.Path, p.Digest); err != nil {
			return err
		}
	}
	if ours {
		return nil
	}
	return fault.New(fault.Failed, "supervisor-conf-changed", "%s is no longer the file that was written", p.Path).
		WithHint("see what was changed in it, and move it away: mv %s %s.changed", p.Path, p.Path)
}

// removeFile removes a file durably; it is no error if nothing is there, or no name is given.
func removeFile(path string) error {
	if path == "" {
		return nil
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return durable.Explain(err, "cannot remove %s", path)
	}
	return durable.SyncFolder(filepath.Dir(path))
}
