package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
)

const (
	// bundledEntries bounds the entries of one tree whose metadata a support bundle holds.
	bundledEntries = 5000
	// bundledFile bounds one file of a run in a support bundle, in bytes; of a larger one the end is left
	// out.
	bundledFile = 64 << 20
)

// bundleReadme is what a support bundle says of itself.
const bundleReadme = `A support bundle of gwe, made on %s by gwe %s.

It holds what gwe knows of its runs, for whoever looks into it elsewhere:

  state/runs/RUN/         the journal, the log, and the frozen recipes of each run
  status.json             what gwe status said, with --target of all that the runs locked
  facts.json              what recipes see of the machine
  version.json            gwe, kernel and architecture
  trees.jsonl             names, modes, owners, sizes and times on the targets and of the undo data; no contents
  mounts.txt              what is mounted
  left-out.txt            what could not be read, and why

It holds neither secret inputs, nor contents that were saved for an undo, nor contents of the target. Inputs that are not declared
secret, outputs of steps and what hooks printed are in it: see for yourself before you send it.

Read it with gwe, after tar -xf. gwe runs, recovers and resolves nothing there:

  gwe runs --state-dir %[3]s/state
  gwe show --state-dir %[3]s/state RUN
  gwe log --state-dir %[3]s/state RUN
`

// bundle is a support bundle that is written.
type bundle struct {
	engine  *Engine
	name    string
	archive *tar.Writer
	leftOut []string
	secrets *tasklog.Mask
}

// SupportBundle writes what can be told of a run, or of all runs where id is "", as a tar.gz in a directory
// of that name. No lock is taken and nothing is changed. What cannot be read is named in the archive, and
// fails nothing.
func (e *Engine) SupportBundle(ctx context.Context, id, name string, to io.Writer) error {
	ids, lost, err := runstate.BundledRuns(e.State, id)
	if err != nil {
		return err
	}
	compressed := gzip.NewWriter(to)
	b := &bundle{engine: e, name: name, archive: tar.NewWriter(compressed), secrets: tasklog.NewMask(nil)}
	for _, one := range ids {
		b.secrets.Add(runstate.DirectoryOf(e.State, one).SecretTexts()...)
	}
	b.text("README.txt", fmt.Appendf(nil, bundleReadme, time.Now().UTC().Format(time.RFC3339), e.Version, name))
	seen, err := e.Overview(ctx)
	for _, root := range runstate.LockedBy(e.State, ids, lost) {
		seen.Targets = append(seen.Targets, e.State.LookAtTarget(root))
	}
	if b.note("status.json", err) {
		b.json("status.json", seen)
	}
	machine, machineType, err := HostFacts()
	if b.note("facts.json", err) {
		facts, err := program.EncodeObject(machineType, machine)
		if b.note("facts.json", err) {
			b.json("facts.json", facts)
		}
	}
	b.json("version.json", e.versions())
	b.json("state/"+runstate.BundleMark, runstate.AsBundled(e.State))
	for _, one := range ids {
		b.run(runstate.DirectoryOf(e.State, one))
	}
	if note, err := regular.Read(runstate.Unfinished(e.State)); err == nil {
		b.text(filepath.Base(runstate.Unfinished(State{Directory: "state"})), note)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); b.note("mounts.txt", err) {
		b.text("mounts.txt", mounts)
	}
	b.trees(ids, lost)
	b.text("left-out.txt", []byte(strings.Join(append(b.leftOut, ""), "\n")))
	return errors.Join(b.archive.Close(), compressed.Close())
}

func (e *Engine) versions() map[string]string {
	told := map[string]string{
		"gwe": e.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		"time": time.Now().UTC().Format(time.RFC3339), "boot": e.now().Boot, "state": e.State.Directory,
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		told["kernel"] = unix.ByteSliceToString(system.Release[:]) + " " + unix.ByteSliceToString(system.Version[:])
	}
	return told
}

// note keeps why something is not in the bundle, and reports whether it is.
func (b *bundle) note(name string, err error) bool {
	if err != nil {
		b.leftOut = append(b.leftOut, name+": "+err.Error())
	}
	return err == nil
}

func (b *bundle) json(name string, told any) {
	text, err := json.MarshalIndent(told, "", "  ")
	if b.note(name, err) {
		b.text(name, append(text, '\n'))
	}
}

// text adds a file. Secrets never come into a journal or a log as they are; where one is found all the same,
// or what a program made of it, it is masked.
func (b *bundle) text(name string, text []byte) {
	if masked := b.masked(text); !bytes.Equal(masked, text) {
		b.note(name, errors.New("the value of a secret input was in it, and is masked"))
		if filepath.Base(name) == "journal" {
			masked = journal.Masked(text, b.masked)
		}
		text = masked
	}
	// What cannot be written fails the closing of the archive.
	_ = b.archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: b.name + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now().Truncate(time.Second),
	})
	_, _ = b.archive.Write(text)
}

// masked is a text without secrets.
func (b *bundle) masked(text []byte) []byte { return []byte(b.secrets.Text(string(text))) }

// run adds the files of a run but its secrets and what it saved.
func (b *bundle) run(directory runstate.RunDirectory) {
	where := "state/runs/" + directory.ID() + "/"
	if !b.note(where, directory.Check()) {
		return
	}
	err := filepath.WalkDir(string(directory), func(path string, entry fs.DirEntry, err error) error {
		inside, _ := filepath.Rel(string(directory), path)
		switch {
		case err != nil:
			b.note(where+inside, err)
			return nil
		case entry.IsDir() && (inside == "secrets" || inside == "frames"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case !slices.Contains(bundledNames, strings.Split(inside, "/")[0]):
			return nil // of a newer gwe, or of somebody else: nobody knows what it holds
		}
		text, err := readBounded(path)
		if b.note(where+inside, err) {
			b.text(where+inside, text)
		}
		return nil
	})
	b.note(where, err)
}

// bundledNames are the names in a run's directory that go into a bundle.
var bundledNames = []string{"journal", "recipe.yaml", "uses", "plugins", "log", "resolved.json", "recovery.json", "downs"}

func readBounded(path string) ([]byte, error) {
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, bundledFile))
}
