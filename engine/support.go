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
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

const (
	// bundledEntries bounds the entries of one tree whose metadata a support bundle holds.
	bundledEntries = 5000
	// bundledFile bounds one file of a run in a support bundle, in bytes; of a larger one the end is left out.
	bundledFile = 64 << 20
)

// bundleReadme is what a support bundle says of itself.
const bundleReadme = `A support bundle of gwe, made on %s by gwe %s.

It holds what gwe knows of its runs, for whoever looks into it elsewhere:

  state/runs/RUN/         the journal, the log, and the frozen recipes of each run
  status.json             what gwe status said
  facts.json              what recipes see of the machine
  version.json            gwe, kernel and architecture
  trees.jsonl             names, modes, owners, sizes and times on the targets and of the undo data; no contents
  left-out.txt            what could not be read, and why

It holds neither secret inputs, nor contents that were saved for an undo, nor contents of the target. Inputs that are not declared
secret, outputs of steps and what hooks printed are in it: see for yourself before you send it.

Read it with gwe, after tar -xf:

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
	secrets []string
}

// SupportBundle writes what can be told of a run, or of all runs where id is "", as a tar.gz in a directory of that name. No lock is
// taken and nothing is changed. What cannot be read is named in the archive, and fails nothing.
func (e *Engine) SupportBundle(ctx context.Context, id, name string, to io.Writer) error {
	ids, err := e.State.Runs()
	if err != nil {
		return err
	}
	if id != "" {
		if id, err = e.State.choose(id); err != nil {
			return err
		}
		ids = []string{id}
	}
	compressed := gzip.NewWriter(to)
	b := &bundle{engine: e, name: name, archive: tar.NewWriter(compressed)}
	for _, one := range ids {
		b.secrets = append(b.secrets, e.State.run(one).secretLines()...)
	}
	b.text("README.txt", fmt.Appendf(nil, bundleReadme, time.Now().UTC().Format(time.RFC3339), e.Version, name))
	seen, err := e.Overview(ctx)
	if b.note("status.json", err) {
		b.json("status.json", seen)
	}
	machine, machineType, err := HostFacts()
	if b.note("facts.json", err) {
		facts, err := encodeObject(machineType, machine)
		if b.note("facts.json", err) {
			b.json("facts.json", facts)
		}
	}
	b.json("version.json", e.versions())
	for _, one := range ids {
		b.run(e.State.run(one))
	}
	if note, err := regular.Read(e.State.unfinished()); err == nil {
		b.text(filepath.Base(State{"state"}.unfinished()), note)
	}
	b.trees(ids)
	b.text("left-out.txt", []byte(strings.Join(append(b.leftOut, ""), "\n")))
	return errors.Join(b.archive.Close(), compressed.Close())
}

func (e *Engine) versions() map[string]string {
	told := map[string]string{
		"gwe": e.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		"time": time.Now().UTC().Format(time.RFC3339), "boot": e.now().Boot, "state": e.State.Folder,
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

// text adds a file. Secrets never come into a journal or a log; where one is found all the same, the file stays out.
func (b *bundle) text(name string, text []byte) {
	for _, secret := range b.secrets {
		if bytes.Contains(text, []byte(secret)) {
			b.note(name, errors.New("it holds the value of a secret input"))
			return
		}
	}
	// What cannot be written fails the closing of the archive.
	_ = b.archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: b.name + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now().Truncate(time.Second),
	})
	_, _ = b.archive.Write(text)
}

// run adds the files of a run but its secrets and what it saved.
func (b *bundle) run(folder runFolder) {
	where := "state/runs/" + folder.id() + "/"
	if !b.note(where, folder.check()) {
		return
	}
	err := filepath.WalkDir(string(folder), func(path string, entry fs.DirEntry, err error) error {
		inside, _ := filepath.Rel(string(folder), path)
		switch {
		case err != nil:
			b.note(where+inside, err)
			return nil
		case entry.IsDir() && (inside == "secrets" || inside == "frames"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case !slices.Contains(bundled, strings.Split(inside, "/")[0]):
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

// bundled are the names in a run's folder that go into a bundle.
var bundled = []string{"journal", "recipe.yaml", "uses", "plugins", "log", "resolved.json", "recovery.json", "reports.json", "downs"}

func readBounded(path string) ([]byte, error) {
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, bundledFile))
}

// secretLines are the lines of the values of secret inputs, as far as they can be told from ordinary words.
func (r runFolder) secretLines() []string {
	entries, _ := os.ReadDir(filepath.Join(string(r), "secrets"))
	var lines []string
	for _, entry := range entries {
		text, err := regular.Read(r.secret(entry.Name()))
		var v any
		if err != nil || json.Unmarshal(text, &v) != nil {
			continue
		}
		for _, value := range stringsIn(v) {
			for line := range strings.SplitSeq(value, "\n") {
				if line = strings.TrimSuffix(line, "\r"); len(line) >= 6 {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}

func stringsIn(v any) []string {
	var found []string
	switch v := v.(type) {
	case string:
		found = append(found, v)
	case []any:
		for _, item := range v {
			found = append(found, stringsIn(item)...)
		}
	case map[string]any:
		for _, member := range v {
			found = append(found, stringsIn(member)...)
		}
	}
	return found
}

// treeEntry is the metadata of one name.
type treeEntry struct {
	Path     string    `json:"path"`
	Mode     string    `json:"mode"`
	Owner    string    `json:"owner"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Link     string    `json:"link,omitempty"`
	Names    uint64    `json:"names"`
}

// trees adds the metadata of what the runs worked on, and of what is kept for their undos.
func (b *bundle) trees(ids []string) {
	var roots []string
	for _, id := range ids {
		roots = append(roots, b.engine.State.rootsOf(id)...)
	}
	slices.Sort(roots)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, root := range slices.Compact(roots) {
		left := bundledEntries
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				b.note(path, err)
				return nil
			}
			if left--; left < 0 {
				b.note(root, fault.New(fault.Failed, "bundle-tree-cut", "only the first %d names are in trees.jsonl", bundledEntries))
				return fs.SkipAll
			}
			one, err := metadata(path)
			if b.note(path, err) {
				_ = encoder.Encode(one)
			}
			return nil
		})
		b.note(root, err)
	}
	b.text("trees.jsonl", text.Bytes())
}

// rootsOf are the paths that a run worked on, as its journal or a note tells, and the folder of what it saved.
func (s State) rootsOf(id string) []string {
	roots := []string{s.run(id).frames()}
	p, err := s.peek(id)
	if err != nil {
		w := s.wreckOf(id, err)
		if p = w.rest; p == nil {
			return append(roots, lockedPaths(w.noted)...)
		}
	}
	if p == nil {
		return roots
	}
	roots = append(roots, lockedPaths(p.begin.Locks)...)
	for _, record := range p.records {
		if record.Kind == recordIntent {
			_ = into(record.Data, func(r intentRecord) error {
				for _, seen := range r.Before {
					roots = append(roots, seen.Path)
				}
				roots = append(roots, r.Leases...)
				return nil
			})
		}
	}
	return slices.DeleteFunc(roots, func(path string) bool { _, err := os.Lstat(path); return err != nil || path == "/" })
}

func metadata(path string) (treeEntry, error) {
	status, err := os.Lstat(path)
	if err != nil {
		return treeEntry{}, err
	}
	one := treeEntry{Path: path, Mode: status.Mode().String(), Size: status.Size(), Modified: status.ModTime().UTC()}
	if system, ok := status.Sys().(*syscall.Stat_t); ok {
		one.Owner, one.Names = fmt.Sprintf("%d:%d", system.Uid, system.Gid), uint64(system.Nlink)
	}
	if status.Mode()&fs.ModeSymlink != 0 {
		one.Link, err = os.Readlink(path)
	}
	return one, err
}
