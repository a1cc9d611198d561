// Package feature is a step type of a vendor's own: it switches a feature of the firmware on or off. The firmware of this
// example takes a feature as on while a file of its name lies in a folder.
package feature

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Type is the step type feature.
func Type() step.Type {
	return step.New(step.About{
		Name:    "feature",
		Summary: "Switch a feature of the firmware on or off",
		Doc: "A feature is on while a file of its name lies in dir. The folder must exist.\n\n" +
			"The undo brings back the file that was there, or removes the one that was made.",
		Example: "feature: { name: turbo, state: \"off\" }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "dir"}},
		Undo:    "the feature is switched back",
		Scalar:  "name",
	}, action{})
}

type arguments struct {
	Name  string     `name:"name" required:"true" help:"the feature"`
	State string     `name:"state" enum:"on,off" default:"on" help:"what it shall be"`
	Dir   value.Path `name:"dir" default:"/etc/acme/features" help:"folder of the features that are on"`
}

// memo is all that the undo needs to know.
type memo struct {
	// Was tells whether the feature was on.
	Was bool `json:"was"`
	// Kept is where the file lies while the feature is off.
	Kept string `json:"kept"`
}

type outputs struct {
	Was string `name:"was" help:"on or off, as it was before"`
}

func (a arguments) file() string { return filepath.Join(string(a.Dir), a.Name) }

type action struct{}

// Plan looks, and says what Do would do.
func (action) Plan(_ context.Context, machine step.Machine, a arguments) (step.Plan, error) {
	was, err := look(machine, a)
	if err != nil {
		return step.Plan{}, err
	}
	return step.Plan{
		Do:      []string{"switch the feature " + a.Name + " " + a.State + " (now " + word(was) + ")"},
		Undo:    []string{"switch it " + word(was) + " again"},
		Nothing: word(was) == a.State,
		Outputs: map[string]any{"was": word(was)},
	}, nil
}

// Prepare finds out what there is to put back, and the name that Do will use. It changes nothing.
func (action) Prepare(_ context.Context, run *step.Run, a arguments) (memo, error) {
	was, err := look(run.Machine, a)
	return memo{Was: was, Kept: filepath.Join(string(a.Dir), ".gwe-"+a.Name+"-"+run.ID)}, err
}

// Do acts, unless it was told to stop.
func (action) Do(ctx context.Context, run *step.Run, a arguments, m memo) (outputs, error) {
	done := outputs{Was: word(m.Was)}
	switch {
	case ctx.Err() != nil:
		return done, ctx.Err()
	case word(m.Was) == a.State:
		run.Log.Info("it is " + a.State + " already")
		return done, nil
	case m.Was:
		return done, failed(os.Rename(a.file(), m.Kept))
	}
	file, err := os.OpenFile(a.file(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return done, failed(err)
	}
	// The mode is the same whatever the umask of the caller.
	return done, failed(errors.Join(file.Chmod(0o644), file.Close()))
}

// Undo must come to the same end whether Do did it all, a part, or nothing, and when it is called twice.
func (action) Undo(_ context.Context, _ *step.Run, a arguments, m memo) error {
	var err error
	switch {
	case word(m.Was) == a.State:
	case m.Was:
		err = os.Rename(m.Kept, a.file())
	default:
		err = os.Remove(a.file())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return failed(err)
}

// Release gives up the file that was kept: nobody can ask for the undo any more.
func (action) Release(_ context.Context, _ *step.Run, _ arguments, m memo) error {
	if err := os.Remove(m.Kept); !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	return nil
}

// look tells whether the feature is on.
func look(machine step.Machine, a arguments) (bool, error) {
	if a.Name == "" || strings.HasPrefix(a.Name, ".") || strings.Contains(a.Name, "/") {
		return false, fault.New(fault.Refused, "feature-name", "%q is no name of a feature", a.Name).
			WithHint("a name has no slash, and does not begin with a dot")
	}
	if _, err := machine.Stat(string(a.Dir)); err != nil {
		return false, fault.New(fault.Failed, "feature-folder", "the folder of the features cannot be used").WithCause(err)
	}
	_, err := machine.Lstat(a.file())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, failed(err)
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// failed gives an error of the file system a code.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, "feature-file", "the file of the feature cannot be changed").WithCause(err)
}
