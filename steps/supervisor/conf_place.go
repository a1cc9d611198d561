package supervisor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/placement"
)

// confFile is the file that takes another one's place, or a free one.
type confFile struct {
	placement.Placement
	// Digest is the new content's, by which the undo knows the file again where its identity does not tell.
	Digest string `json:"digest,omitempty"`
}

func digestOf(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// largestPlaced is more than what is made of the largest supervisor.conf.
const largestPlaced = 8 * largestConf

// holds reports whether what is there has the digest. What is not a regular file has none.
func holds(here placement.Location, digest string) (bool, error) {
	now, err := here.Lstat()
	if err != nil || now == nil || !now.Mode().IsRegular() || now.Size() > largestPlaced {
		return false, err
	}
	file, err := here.Dir.Open(here.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, durable.Explain(err, "cannot read %s", here.Path)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largestPlaced))
	return err == nil && digestOf(content) == digest, durable.Explain(err, "cannot read %s", here.Path)
}

// place puts the content at the path, with the old file's owner and mode.
func (f confFile) place(ctx context.Context, run *step.Run, content []byte) error {
	mode, uid, gid := fs.FileMode(0o644), os.Geteuid(), os.Getegid()
	if f.Old != "" {
		old, err := placement.LookAt(run, f.Path)
		if err != nil {
			return err
		}
		if old == nil || !old.Mode().IsRegular() {
			return notAFile(f.Path)
		}
		if status, known := old.Sys().(*syscall.Stat_t); known {
			mode, uid, gid = old.Mode().Perm(), int(status.Uid), int(status.Gid)
		}
	}
	if err := f.Write(run, content, mode, uid, gid); err != nil {
		return err
	}
	return f.Put(ctx, run, true)
}

// undo takes the new file away, and gives the old one its place back.
func (f confFile) undo(ctx context.Context, run *step.Run) error {
	if f.New == "" {
		return nil
	}
	if err := f.adopt(run); err != nil {
		return err
	}
	return f.Undo(ctx, run, "supervisor-conf", func(fs.FileInfo) bool {
		here, err := placement.At(run, f.Path)
		if err != nil {
			return false
		}
		defer here.Close()
		ours, err := holds(here, f.Digest)
		return err == nil && ours
	})
}

// adopt notes the file of an older gwe, which knew it by its content alone: it took its place if it has its
// hidden name no more.
func (f confFile) adopt(run *step.Run) error {
	if _, known, err := placement.Noted(run.Directory); err != nil || known {
		return err
	}
	here, err := placement.At(run, f.Path)
	if err != nil || here.Dir == nil {
		return err
	}
	defer here.Close()
	fresh, err := here.Beside(f.New).Lstat()
	if err != nil || fresh != nil {
		return err
	}
	if ours, err := holds(here, f.Digest); err != nil || !ours {
		return err
	}
	return placement.Note(run, here)
}

// inspect refuses a rollback where the file was changed since.
func (f confFile) inspect(run *step.Run) error {
	if f.New == "" {
		return nil
	}
	here, err := placement.At(run, f.Path)
	if err != nil {
		return err
	}
	defer here.Close()
	if now, err := here.Lstat(); err != nil || now == nil {
		return err
	}
	if ours, err := holds(here, f.Digest); err != nil || ours {
		return err
	}
	return fault.New(fault.Failed, "supervisor-conf-changed", "%s is no longer the file that was written", f.Path).
		WithHint("see what was changed in it, and move it away: mv %s %s.changed", f.Path, f.Path)
}
