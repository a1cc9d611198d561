package transfer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// site is where a step works. Each directory is opened once, and all is done by its descriptor.
type site struct {
	run *step.Run
	m   memo
	// above is the directory that the target lies in, base the target's name there.
	above *openat.Dir
	base  string
	// target is nil where it is not there.
	target *openat.Dir
}

// inTarget is the path of a name in the target, so that Run.Dir notes which directory the target itself is.
func (m memo) inTarget() string { return filepath.Join(m.Target, durable.Prefix+"rsync") }

// openSite opens the directories of a step. A target that was there before must be the very same.
func openSite(run *step.Run, m memo) (*site, error) {
	s := &site{run: run, m: m}
	var err error
	if s.above, s.base, err = run.Dir(m.Target); err != nil {
		return nil, err
	}
	if m.Existed {
		s.target, _, err = run.Dir(m.inTarget())
	} else {
		s.target, err = s.above.Sub(s.base)
	}
	if err != nil && !isAbsent(err) {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	if s != nil {
		s.above.Close()
		s.target.Close()
	}
}

// isAbsent reports that no directory has a name: nothing, or what is no directory, a link too.
func isAbsent(err error) bool {
	return fault.As(err) == nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP))
}

// hidden gives the directory in which the hidden one lies, which is nil where it is not there, and the name
// of the hidden one.
func (s *site) hidden() (dir *openat.Dir, name string) {
	if filepath.Dir(s.m.Hidden) == s.m.Target {
		return s.target, filepath.Base(s.m.Hidden)
	}
	return s.above, filepath.Base(s.m.Hidden)
}

// openHidden opens the hidden directory; nil where it is not there.
func (s *site) openHidden() (*openat.Dir, error) {
	dir, name := s.hidden()
	if dir == nil {
		return nil, nil
	}
	hidden, err := dir.Sub(name)
	if isAbsent(err) {
		return nil, nil
	}
	if err == nil {
		err = s.isOurs(hidden)
	}
	if err != nil {
		hidden.Close()
		return nil, err
	}
	return hidden, nil
}

// makeHidden makes the hidden directory, or opens the one of an attempt before. Until the step ends nobody
// else has a way into it, so names in it are as good as descriptors.
func (s *site) makeHidden() (*openat.Dir, error) {
	dir, name := s.hidden()
	if dir == nil {
		return nil, &fs.PathError{Op: "open", Path: s.m.Target, Err: fs.ErrNotExist}
	}
	err := dir.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return s.openHidden()
	}
	if err != nil {
		return nil, err
	}
	hidden, err := dir.Sub(name)
	if err != nil {
		return nil, err
	}
	var status unix.Stat_t
	err = unix.Fstat(hidden.Descriptor(), &status)
	if err == nil && (int(status.Uid) != os.Geteuid() || status.Mode&0o077 != 0) {
		err = fault.New(fault.Failed, "rsync-target-changed", "%s was replaced while it was being made", dir.Join(name)).
			WithHint("see who else can change %s: ls -ld %s", dir.Path(), dir.Path())
	}
	if err == nil {
		err = s.noteOurs(hidden)
	}
	if err != nil {
		hidden.Close()
		return nil, err
	}
	return hidden, nil
}

// oursName is the file in the frame's directory that lists the directories which may be removed under the
// hidden name.
const oursName = "hidden.json"

// noteOurs writes down that an open directory may be removed under the hidden name.
func (s *site) noteOurs(dir *openat.Dir) error {
	known, err := s.noted()
	if err != nil {
		return err
	}
	is, err := dir.Identity()
	if err != nil || slices.ContainsFunc(known, is.Is) {
		return err
	}
	text, err := json.Marshal(append(known, is))
	if err != nil {
		return err
	}
	return durable.WriteChecked(filepath.Join(s.run.Directory, oursName), text)
}

func (s *site) noted() (known []openat.Identity, err error) {
	text, err := durable.ReadChecked(filepath.Join(s.run.Directory, oursName))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, fault.New(fault.Errored, "rsync-note-damaged", "the note of the hidden directory cannot be read").WithCause(err)
	}
	return known, nil
}

// known is isOurs for a removal.
func (s *site) known(dir *openat.Dir) (bool, error) {
	known, err := s.noted()
	if err != nil {
		return false, err
	}
	is, err := dir.Identity()
	return err == nil && (len(known) == 0 || slices.ContainsFunc(known, is.Is)), err
}

// isOurs refuses a directory that has the hidden name, and is none that the step made. A note that a power
// cut has taken away asks for nothing: nothing in the target was changed by then.
func (s *site) isOurs(dir *openat.Dir) error {
	known, err := s.known(dir)
	if err == nil && !known {
		err = fault.New(fault.Failed, "parent-changed", "cannot work in %s: the step made a directory there, and another one is there now", dir.Path()).
			WithHint("see what is there, and move the directory back: ls -ld %s", dir.Path())
	}
	return err
}

// discard removes the hidden directory. Where that lies in the target, the target keeps its time.
func (s *site) discard() error {
	dir, name := s.hidden()
	if dir == nil {
		return nil
	}
	if _, err := dir.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if dir != s.target {
		return durable.DiscardKnown(dir, name, s.known)
	}
	self, err := dir.Self()
	if err != nil {
		return explain(err, "cannot open %s", dir.Path())
	}
	defer self.Close()
	was, err := self.Stat()
	if err != nil {
		return explain(err, "cannot look at %s", dir.Path())
	}
	if err := durable.DiscardKnown(dir, name, s.known); err != nil {
		return err
	}
	return explain(self.Utimes(unix.Timespec{Nsec: unix.UTIME_OMIT}, was.Mtim), "cannot set the time of %s", dir.Path())
}

// removeHidden removes the hidden directory, which is empty by then.
func (s *site) removeHidden() error {
	dir, name := s.hidden()
	return durable.Repeat(func() error { return unix.Unlinkat(dir.Descriptor(), name, unix.AT_REMOVEDIR) })
}

// sync makes the target durable, with all that lies on its file system; what it lies in, where it is not
// there.
func (s *site) sync() error {
	if s.target == nil {
		return durable.SyncFileSystemsAt([]*openat.Dir{s.above})
	}
	return durable.SyncFileSystemsAt([]*openat.Dir{s.target})
}
