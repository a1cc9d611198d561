package steptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
)

// restartVariable names, in the environment of a test binary, the request of an undo in another process.
const restartVariable = "GWE_STEPTEST_UNDO"

// request is all that another process is told: what the journal would hold.
type request struct {
	Type      string                     `json:"type"`
	Arguments map[string]json.RawMessage `json:"arguments"`
	Memo      json.RawMessage            `json:"memo"`
	Folder    string                     `json:"folder"`
	Mark      string                     `json:"mark"`
}

// answer is what came of it.
type answer struct {
	Error string `json:"error"`
}

// Main is the body of TestMain of every package that calls Run. types are all types that its suites try, or more: the
// undo in another process finds its type among them by name.
func Main(m *testing.M, types ...step.Type) {
	if path := os.Getenv(restartVariable); path != "" {
		if err := serve(path, types); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve carries out the request in the file at path, and puts the answer beside it.
func serve(path string, types step.Catalog) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var asked request
	if err := json.Unmarshal(raw, &asked); err != nil {
		return err
	}
	found, ok := types.Find(asked.Type)
	if !ok {
		return fmt.Errorf("steptest.Main was not told of the type %q", asked.Type)
	}
	arguments, err := decodeArguments(found.Arguments(), asked.Arguments)
	if err != nil {
		return err
	}
	s := &sandbox{folder: asked.Folder, mark: asked.Mark}
	var reply answer
	if err := found.Undo(context.Background(), s.undoing(nil), arguments, asked.Memo); err != nil {
		reply.Error = err.Error()
	}
	raw, err = json.Marshal(reply)
	if err != nil {
		return err
	}
	return os.WriteFile(path+".answer", raw, 0o600)
}

// checkRestart: the memo and the arguments are enough, with what the recipe was given gone.
func checkRestart(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.do()
	after := snapshot(t, s.root)
	loose := worked(s.before, after)
	for _, name := range suite.Forget {
		if _, there := s.before[name]; !there {
			t.Fatalf("Forget names %q, which was not arranged", name)
		}
		if err := os.RemoveAll(filepath.Join(s.root, name)); err != nil {
			t.Fatal(err)
		}
		loose[filepath.Dir(name)] = true
	}
	forgotten := func(name string) bool { return slices.Contains(suite.Forget, name) }
	s.before = s.before.without(forgotten)
	found := snapshot(t, s.root)
	s.undoElsewhere()
	s.restored(found, loose)
}

// undoElsewhere runs the test binary again, to undo and do nothing else.
func (s *sandbox) undoElsewhere() {
	s.t.Helper()
	raw, err := json.Marshal(request{
		Type: s.suite.Type.About().Name, Arguments: encode(s.t, s.suite.Type.Arguments(), s.arguments),
		Memo: s.memo, Folder: s.folder, Mark: s.mark,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "request")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		s.t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	child := exec.CommandContext(s.t.Context(), binary, "-test.run=^$")
	child.Env = append(os.Environ(), restartVariable+"="+path)
	child.Dir = "/"
	said, err := child.CombinedOutput()
	if err != nil {
		s.t.Fatalf("undo in another process: %v: %s", err, strings.TrimSpace(string(said)))
	}
	raw, err = os.ReadFile(path + ".answer")
	if errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal("the other process did not undo: does this package's TestMain call steptest.Main?")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	var reply answer
	if err := json.Unmarshal(raw, &reply); err != nil {
		s.t.Fatal(err)
	}
	if reply.Error != "" {
		s.t.Errorf("undo in another process: %s", reply.Error)
	}
}
