package kept

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/txtar"
)

// Way is how far a kept run came. It is the name of the run's directory on the disk, too.
type Way string

// The ways in which runs are kept.
const (
	Within    Way = "within"    // killed in the middle of the step
	Done      Way = "done"      // killed after the step, before the commit
	Committed Way = "committed" // ended well
	// Of Constructs alone:
	Unwinding Way = "unwinding" // failed, and killed while it was rolled back
	Suspended Way = "suspended" // waits for a confirmation
	Rollback  Way = "rollback"  // committed, and killed in a manual rollback
)

// undo is the command by which such a run is undone.
func (w Way) undo() string {
	switch w {
	case Committed:
		return "rollback"
	case Suspended:
		return "cancel"
	}
	return "recover"
}

// Run is what is kept of a step type and a version of its undo data, or of Constructs and a format of the
// journal.
type Run struct {
	Type    string `json:"-"`
	Version int    `json:"-"`
	// Recipe has ROOT and SHARED in it, Old is the old tree as Picture has it.
	Recipe string `json:"-"`
	Old    string `json:"-"`
	// Ways are the runs on the disk, each with the system call before which gwe was killed; "" if it was not.
	Ways map[Way]string `json:"runs"`
	// Daemon is the configuration, below ROOT, of a supervisord that has to run.
	Daemon string `json:"supervisord,omitempty"`
}

const oldTree = "the old tree"

// Name is that of its files, without their endings.
func (r Run) Name() string { return fmt.Sprintf("%s.%d", r.Type, r.Version) }

// Write writes the run's text and its disk, which is an image, to a directory.
func (r Run) Write(directory, image string) error {
	var settings bytes.Buffer
	write := json.NewEncoder(&settings)
	write.SetEscapeHTML(false)
	write.SetIndent("", "  ")
	if err := write.Encode(r); err != nil {
		return err
	}
	text := txtar.Format(&txtar.Archive{
		Comment: fmt.Appendf(nil, "Runs of %s, version %d. Never make them again: see go doc ./scripts/kept.\n", r.Type, r.Version),
		Files: []txtar.File{
			{Name: "runs.json", Data: settings.Bytes()}, {Name: "recipe.yaml", Data: []byte(r.Recipe)}, {Name: oldTree, Data: []byte(r.Old)},
		},
	})
	name := filepath.Join(directory, r.Name())
	if err := command("zstd", "-q", "-f", "-19", image, "-o", name+".ext4.zst"); err != nil {
		return err
	}
	return errors.Join(os.Chmod(name+".ext4.zst", 0o644), os.WriteFile(name+".txtar", text, 0o644))
}

// ReadAll reads the texts of all runs in a directory.
func ReadAll(directory string) (runs []Run, err error) {
	names, err := filepath.Glob(filepath.Join(directory, "*.txtar"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		one, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		runs = append(runs, one)
	}
	return runs, nil
}

func read(name string) (r Run, err error) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return r, err
	}
	var version string
	r.Type, version, _ = strings.Cut(strings.TrimSuffix(filepath.Base(name), ".txtar"), ".")
	if _, err := fmt.Sscan(version, &r.Version); err != nil {
		return r, fmt.Errorf("the name has no version: %w", err)
	}
	for _, file := range archive.Files {
		switch file.Name {
		case "runs.json":
			err = json.Unmarshal(file.Data, &r)
		case "recipe.yaml":
			r.Recipe = string(file.Data)
		case oldTree:
			r.Old = string(file.Data)
		}
		if err != nil {
			return r, err
		}
	}
	if len(r.Ways) == 0 {
		return r, fmt.Errorf("it tells of no run")
	}
	return r, nil
}

// Acts reports whether there is anything to undo: a step type that only reads leaves nothing.
func (r Run) Acts() bool {
	_, within := r.Ways[Within]
	return within
}

// Order lists the ways of the run.
func (r Run) Order() []Way {
	all := []Way{Within, Done, Committed, Unwinding, Suspended, Rollback}
	return slices.DeleteFunc(all, func(way Way) bool { _, kept := r.Ways[way]; return !kept })
}

// Image writes the run's disk to a file.
func (r Run) Image(directory, to string) error {
	content, err := os.ReadFile(filepath.Join(directory, r.Name()+".ext4.zst"))
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer decoder.Close()
	if content, err = decoder.DecodeAll(content, nil); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
