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
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/conformance"
)

// restartVariable names, in the environment of a test binary, the frame to undo in another process.
const restartVariable = "GWE_STEPTEST_UNDO"

// answer is what came of it.
type answer struct {
	Error string `json:"error"`
}

// Main is the body of TestMain of every package that calls Run. types are all types that its suites try, or
// more: the undo in another process finds its type among them by name.
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

// serve undoes the frame in the file at path, and puts the answer beside it.
func serve(path string, types step.Catalog) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var frame conformance.Frame
	if err := json.Unmarshal(raw, &frame); err != nil {
		return err
	}
	found, ok := types.Find(frame.Type)
	if !ok {
		return fmt.Errorf("steptest.Main was not told of the type %q", frame.Type)
	}
	var reply answer
	if err := frame.Undo(context.Background(), found); err != nil {
		reply.Error = err.Error()
	}
	raw, err = json.Marshal(reply)
	if err != nil {
		return err
	}
	return os.WriteFile(path+".answer", raw, 0o600)
}

// undoElsewhere runs the test binary again, to undo and do nothing else.
func undoElsewhere(t conformance.T, frame conformance.Frame) error {
	raw, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	path := filepath.Join(t.TempDir(), "frame")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(t.Context(), binary, "-test.run=^$")
	child.Env = append(os.Environ(), restartVariable+"="+path)
	child.Dir = "/"
	said, err := child.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	}
	raw, err = os.ReadFile(path + ".answer")
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the other process did not undo: does this package's TestMain call steptest.Main?")
	}
	var reply answer
	if err == nil {
		err = json.Unmarshal(raw, &reply)
	}
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	return err
}
