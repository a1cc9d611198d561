package runstate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// State is the directory where gwe keeps its runs:
//
//	lock                      held by the one run in progress; names its holder
//	runs/<id>/journal         the durable record
//	runs/<id>/recipe.yaml     the frozen copy that recovery runs
//	runs/<id>/plugins/<type>  the descriptions of the plugins that it uses
//	runs/<id>/uses/<sha256>.yaml  the same of the recipes that it uses
//	runs/<id>/log/<n>.jsonl   the full log, one file for each process that worked on the run
//	runs/<id>/frames/<n>/     what an undo needs: saved contents
//	runs/<id>/secrets/<name>  the values of secret inputs
//
// Everything below it is for its owner alone.
type State struct{ Directory string }

// runNames is the form of a run's id: the UTC time of its start, to the millisecond. Ids sort by time.
var runNames = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}\.[0-9]{3}$`)

const runLayout = "20060102-150405.000"

func LockFile(s State) string { return filepath.Join(s.Directory, "lock") }

func RunsDirectory(s State) string { return filepath.Join(s.Directory, "runs") }

func DirectoryOf(s State, id string) RunDirectory {
	return RunDirectory(filepath.Join(RunsDirectory(s), id))
}

// Prepare makes the state directory where it is missing, durable with its name: a journal that a power cut
// takes away with its directory was never there.
func Prepare(s State) error {
	var parents []string
	for path := RunsDirectory(s); ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parents = append(parents, filepath.Dir(path))
	}
	if err := os.MkdirAll(RunsDirectory(s), 0o700); err != nil {
		return StateUnusable(s.Directory, err)
	}
	for _, parent := range parents {
		if err := durable.SyncDirectory(parent); err != nil {
			return StateUnusable(s.Directory, err)
		}
	}
	return nil
}

func StateUnusable(directory string, err error) error {
	refusal := fault.New(fault.Refused, "state-unusable", "the state directory %s cannot be used", directory).WithCause(err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return refusal.WithHint("make room on its file system, or choose another directory with --state-dir or GWE_STATE_DIR")
	}
	if errors.Is(err, syscall.EROFS) {
		return refusal.WithHint("mount its file system writable (the kernel's log may say why it is not), or choose another directory with --state-dir or GWE_STATE_DIR")
	}
	if lack, lacks := fault.Scarce(err); lacks {
		return refusal.WithHint("%s", lack.Cure)
	}
	return refusal.WithHint("choose one that this user may write, with --state-dir or GWE_STATE_DIR")
}

// NotBegun is the error of a run that could not be begun. Where its state directory is full or may not be
// written, that is a refusal: nothing was done.
func NotBegun(s State, err error) error {
	for _, known := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		if errors.Is(err, known) && fault.ClassOf(err) != fault.Refused {
			return StateUnusable(s.Directory, err)
		}
	}
	return err
}

// Runs lists the ids of all runs, oldest first; none where the state directory does not exist yet.
func (s State) Runs() ([]string, error) {
	entries, err := os.ReadDir(RunsDirectory(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, StateUnusable(s.Directory, err)
	}
	var ids []string
	for _, entry := range entries {
		if runNames.MatchString(entry.Name()) { // what is not a directory there is told by peek
			ids = append(ids, entry.Name())
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// NewRun makes the directory of a new run. Its id is later than every other's even when the clock went back:
// what is on top of what must not depend on the clock.
func NewRun(s State, now time.Time) (string, error) {
	ids, err := s.Runs()
	if err != nil {
		return "", err
	}
	id := now.UTC().Format(runLayout)
	if len(ids) > 0 && id <= ids[len(ids)-1] {
		last, err := time.Parse(runLayout, ids[len(ids)-1])
		if err != nil {
			return "", fault.New(fault.Errored, "run-name-unreadable", "the run %s has no time in its name", ids[len(ids)-1]).WithCause(err)
		}
		id = last.Add(time.Millisecond).Format(runLayout)
	}
	for _, directory := range []string{"", "frames", "secrets", "log"} {
		if err = os.Mkdir(filepath.Join(RunsDirectory(s), id, directory), 0o700); err != nil {
			break
		}
	}
	if err == nil {
		err = durable.SyncDirectory(RunsDirectory(s))
	}
	if err != nil {
		_ = os.RemoveAll(string(DirectoryOf(s, id)))
		return "", StateUnusable(s.Directory, err)
	}
	return id, nil
}

// RunDirectory is the directory of one run.
type RunDirectory string

// Check refuses what somebody put in the place of a run's directory: a link, say, to where its journal was
// moved.
func (r RunDirectory) Check() error {
	status, err := os.Lstat(string(r))
	if err != nil || status.IsDir() {
		return nil // that it is gone is for the journal to tell
	}
	return fault.New(fault.Errored, "run-not-a-directory", "%s is not a directory, so what run %s did is unknown", r, r.ID()).
		WithHint("put the run's directory back in its place: gwe follows no link there; where it is lost, put the machine right by hand, and move away what stands there")
}

func (r RunDirectory) ID() string { return filepath.Base(string(r)) }

func (r RunDirectory) Journal() string { return filepath.Join(string(r), "journal") }

func (r RunDirectory) Recipe() string { return filepath.Join(string(r), "recipe.yaml") }

func (r RunDirectory) Frames() string { return filepath.Join(string(r), "frames") }

func (r RunDirectory) Place(where Place) string {
	return filepath.Join(r.Frames(), string(where))
}

// Mark is the file of the mark that the programs of facts have: they run before the journal says what begins
// here.
func (r RunDirectory) Mark() string { return filepath.Join(string(r), "mark") }

// Downs is where the boots are noted in which the machine went down while what an ended run left was cleared
// away.
func (r RunDirectory) Downs() string { return filepath.Join(string(r), "downs") }

func (r RunDirectory) Secret(name string) string { return filepath.Join(string(r), "secrets", name) }

func (r RunDirectory) logs() string { return filepath.Join(string(r), "log") }

// NextLog names the log of the process that works on the run from now on.
func (r RunDirectory) NextLog() string {
	entries, _ := os.ReadDir(r.logs())
	for n := len(entries) + 1; ; n++ {
		path := filepath.Join(r.logs(), fmt.Sprintf("%04d.jsonl", n))
		if _, err := os.Lstat(path); err != nil {
			return path
		}
	}
}

// listLogs gives the logs in the order of their making.
func (r RunDirectory) listLogs() ([]string, error) {
	entries, err := os.ReadDir(r.logs())
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		files = append(files, filepath.Join(r.logs(), entry.Name()))
	}
	return files, nil
}

func (r RunDirectory) Used(digest string) string {
	return filepath.Join(string(r), "uses", digest+".yaml")
}

// Keeps reports whether dropKept has something to do.
func (r RunDirectory) Keeps() bool {
	_, secrets := os.Lstat(filepath.Join(string(r), "secrets"))
	_, frames := os.Lstat(r.Frames())
	return secrets == nil || frames == nil
}

// DropKept removes what the undo would have needed, secrets first: nobody can ask for it any more.
func (r RunDirectory) DropKept() error {
	return errors.Join(
		os.RemoveAll(filepath.Join(string(r), "secrets")),
		os.RemoveAll(r.Frames()),
	)
}

// Digest is the SHA-256 of a recipe, in hexadecimal.
func Digest(source []byte) string {
	sum := sha256.Sum256(source)
	return hex.EncodeToString(sum[:])
}
