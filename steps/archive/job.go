package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
)

// job is what unpack and extract have in common: an archive becomes a directory.
type job struct {
	// source is the archive's file, "" where that is at a server.
	source string
	// directory is the one in which the new directory gets its name, absolute.
	directory string
	// name is that name; "" is that of the archive's one top-level directory, or the same with a number.
	name     string
	linkDest value.Path
	links    string
	maxSize  *value.Size
	// copies, include and exclude are patterns.
	copies, include, exclude []string
	strip                    int
	// verifyBase says how the running release's files are known; "" is by their recorded identity.
	verifyBase string
}

// verifyContent has each file of the running release read.
const verifyContent = "content"

// memo is what undo needs.
type memo struct {
	// Staging is the name in into under which the release is filled, and under which it is removed.
	Staging string `json:"staging"`
	// Created tells that into did not exist.
	Created bool `json:"created,omitempty"`
	// Beside is the running release, "" where there is none.
	Beside string `json:"beside,omitempty"`
	// Dangling is the text of link-dest where that is a link that leads nowhere; "" is none.
	Dangling string `json:"dangling,omitempty"`
	// Empty is the empty directory that has the name so far; nil is none. It gets the staging name meanwhile.
	Empty *identity `json:"empty,omitempty"`
	// Order records the place of the release among those of the directory.
	Order order.Record `json:"order,omitzero"`
}

// unpacked is what a job has made.
type unpacked struct {
	summary
	path string
}

// The package's own size is no measure of what it unpacks to. These are far above real firmware, and far
// below a decompression bomb.
const (
	smallestLimit = 1 << 30
	expansion     = 64
)

// prepare chooses the staging name, and makes sure of what can be made sure of before anything is done.
func (j job) prepare(ctx context.Context, run *step.Run) (memo, error) {
	if err := ctx.Err(); err != nil {
		return memo{}, err
	}
	if _, err := j.look(run.Machine); err != nil {
		return memo{}, err
	}
	if _, _, err := j.patterns(); err != nil {
		return memo{}, err
	}
	m := memo{Staging: stagingName(run.ID), Order: j.record(run)}
	var err error
	if m.Beside, err = j.beside(); err != nil {
		return memo{}, err
	}
	if m.Beside == "" && j.linkDest != "" {
		m.Dangling, _ = run.Machine.ReadLink(string(j.linkDest))
	}
	nearest := existing(run.Machine, j.directory)
	m.Created = nearest != j.directory
	dir, _, err := run.Dir(filepath.Join(nearest, m.Staging)) // this notes which directory it is
	if err != nil {
		return memo{}, explain(err, "cannot open %s", nearest)
	}
	defer dir.Close()
	if err := unix.Faccessat(dir.Descriptor(), ".", unix.W_OK|unix.X_OK, 0); err != nil {
		return memo{}, fault.New(fault.Refused, "target-not-writable", "nothing can be written into %s", nearest).
			WithHint("run gwe as a user who may write there; see that its file system is mounted writable, and with lsattr -d that the directory is not immutable").WithCause(err)
	}
	return m, nil
}

// record is where unpack records its release; extract does where it makes one, beside others.
func (j job) record(run *step.Run) order.Record {
	if j.name == "" {
		return order.In(run, j.directory)
	}
	return order.Beside(run, filepath.Join(j.directory, j.name), string(j.linkDest))
}

// patterns reads those of the arguments: which files are never linked, and which part of the archive is
// taken.
func (j job) patterns() (copies patterns, selected selection, err error) {
	if copies, err = parsePatterns(j.copies); err != nil {
		return nil, selection{}, err
	}
	selected.strip = j.strip
	if j.strip < 0 || j.strip > deepest {
		return nil, selection{}, fault.New(fault.Refused, "strip-invalid", "strip is a number from 0 to %d", deepest).
			WithHint("it is how many leading parts of each path are left out")
	}
	if selected.include, err = parsePatterns(j.include); err != nil {
		return nil, selection{}, err
	}
	selected.exclude, err = parsePatterns(j.exclude)
	return copies, selected, err
}

// planLinks adds what link-dest changes to a plan.
func (j job) planLinks(machine step.Machine, plan step.Plan, size int64) (step.Plan, error) {
	beside, err := j.beside()
	if err != nil {
		return step.Plan{}, err
	}
	if beside == "" {
		// How much it will be is only known at the end; compressed, it is surely no more. With a release to
		// link to, nearly nothing may be needed.
		plan.Space, plan.Writes = map[string]int64{existing(machine, j.directory): size}, size
		return plan, nil
	}
	plan.Do = append(plan.Do, fmt.Sprintf("link the files that equal those of %s", beside))
	return plan, nil
}

// stagingName is unique, and tells whose it is.
func stagingName(run string) string {
	var unique [6]byte
	_, _ = rand.Read(unique[:]) // never fails
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, run)
	return durable.Prefix + safe[:min(len(safe), 100)] + "-" + hex.EncodeToString(unique[:])
}

// look makes sure that the archive is a file and the target, where it exists, a directory; it gives the
// archive's size, 0 where that is at a server.
func (j job) look(machine step.Machine) (size int64, err error) {
	if j.source != "" {
		if size, err = j.lookAtSource(machine); err != nil {
			return 0, err
		}
	}
	nearest, err := machine.Stat(existing(machine, j.directory))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.New(fault.Refused, "target-missing", "there is neither %s nor the directory above it", j.directory).
			WithHint("make it: mkdir -p %s", j.directory)
	case err != nil:
		return 0, explain(err, "cannot look at %s", j.directory)
	case !nearest.IsDir():
		return 0, fault.New(fault.Refused, "target-not-a-directory", "%s is not a directory", existing(machine, j.directory)).
			WithHint("the result is put into a directory, which is made where only itself is missing")
	}
	return size, nil
}

func (j job) lookAtSource(machine step.Machine) (int64, error) {
	info, err := machine.Stat(j.source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.New(fault.Refused, "package-missing", "there is no file %s", j.source).
			WithHint("see that the path is right, and that what it lies on is mounted")
	case err != nil:
		return 0, fault.New(fault.Refused, "package-unreadable", "%s cannot be read", j.source).WithCause(err).
			WithHint("let the user who runs gwe read it")
	case !info.Mode().IsRegular():
		return 0, fault.New(fault.Refused, "package-not-a-file", "%s is not a file", j.source).
			WithHint("name the file itself; what comes through a pipe has to be stored first")
	}
	return info.Size(), nil
}

// existing gives into, or, where it has to be made, the directory above it.
func existing(machine step.Machine, into string) string {
	if _, err := machine.Lstat(into); errors.Is(err, fs.ErrNotExist) {
		return filepath.Dir(into)
	}
	return into
}

// beside resolves link-dest once: what it points to may change while the step works.
func (j job) beside() (string, error) {
	if j.linkDest == "" {
		return "", nil
	}
	path, err := absolute(j.linkDest)
	if err != nil {
		return "", err
	}
	dir, err := openat.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, unix.ENOTDIR):
		return "", fault.New(fault.Refused, "link-dest", "link-dest %s is not a directory", path).WithCause(err).
			WithHint("it is the running release, or a link to it")
	case fault.As(err) != nil:
		return "", err
	case err != nil:
		return "", fault.New(fault.Refused, "link-dest", "link-dest %s cannot be resolved", path).WithCause(err).
			WithHint("see where it leads with namei -l, and point it to the running release")
	}
	defer dir.Close()
	resolved, err := dir.Real()
	return resolved, explain(err, "cannot tell where link-dest %s leads", path)
}

func absolute(path value.Path) (string, error) {
	result, err := filepath.Abs(string(path))
	return result, explain(err, "cannot tell where %s is", path)
}
