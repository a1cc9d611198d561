// Package feature is a step type of a vendor's own: it switches a feature of the firmware on or off. The
// firmware of this example reads "on" or "off" from a file of the feature's name; a feature without a file is
// off.
package feature

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Type is the step type feature.
func Type() step.Type {
	return step.New(step.About{
		Name:    "feature",
		Summary: "Switch a feature of the firmware on or off",
		Doc: "A feature is on while the file of its name in dir holds the word. The directory must exist.\n\n" +
			"The undo brings back the file that was there, or removes the one that was made.",
		Example:  "feature: { name: turbo, state: \"off\" }\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "dir"}},
		Undo:     "the feature is switched back",
		UndoData: placement.UndoData,
		Scalar:   "name",
	}, action{placement.Action[arguments, memo]{Verb: "feature"}})
}

type arguments struct {
	Name  string     `name:"name" required:"true" help:"the feature"`
	State string     `name:"state" enum:"on,off" default:"on" help:"what it shall be"`
	Dir   value.Path `name:"dir" default:"/etc/acme/features" help:"directory of the features' files"`
}

// memo is all that the undo needs to know.
type memo struct {
	placement.Placement
	Was string `json:"was"`
}

type outputs struct {
	Was string `name:"was" help:"on or off, as it was before"`
}

// action has its undo, and all that goes with it, from its placement.
type action struct {
	placement.Action[arguments, memo]
}

// A method that is missing, or has another signature, is a compile error here.
var _ step.Action[arguments, memo, outputs] = action{}

func (a arguments) file() string { return filepath.Join(string(a.Dir), a.Name) }

// look tells what the feature is.
func (a arguments) look(machine step.Machine) (was string, err error) {
	if a.Name == "" || strings.HasPrefix(a.Name, ".") || strings.Contains(a.Name, "/") {
		return "", fault.New(fault.Refused, "feature-name", "%q is not the name of a feature", a.Name).
			WithHint("a name has no slash, and does not begin with a dot")
	}
	info, err := placement.Destination(machine, "feature", a.file())
	if err != nil || info == nil {
		return "off", err
	}
	text, err := machine.ReadFile(a.file())
	if err != nil {
		return "", fault.New(fault.Failed, "feature-file", "the file of the feature cannot be read").WithCause(err)
	}
	if strings.TrimSpace(string(text)) == "on" {
		return "on", nil
	}
	return "off", nil
}

// Plan looks, and says what Do would do.
func (action) Plan(_ context.Context, machine step.Machine, a arguments) (step.Plan, error) {
	was, err := a.look(machine)
	return step.Plan{
		Do:      []string{"switch the feature " + a.Name + " " + a.State + " (now " + was + ")"},
		Undo:    []string{"switch it " + was + " again"},
		Nothing: was == a.State,
		Outputs: map[string]any{"was": was},
	}, err
}

// Prepare finds out what there is to bring back, and the names that Do will use. It changes nothing.
func (action) Prepare(_ context.Context, run *step.Run, a arguments) (memo, error) {
	machine := placement.Looking(run)
	was, err := a.look(machine)
	if err != nil || was == a.State {
		return memo{Was: was}, err
	}
	info, err := placement.Lstat(machine, a.file())
	if err != nil {
		return memo{}, err
	}
	placed, err := placement.New(a.file(), run, info)
	return memo{placed, was}, err
}

// Do acts, unless it was told to stop.
func (action) Do(ctx context.Context, run *step.Run, a arguments, m memo) (outputs, error) {
	done := outputs{Was: m.Was}
	if m.New == "" {
		run.Log.Info("it is " + a.State + " already")
		return done, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return done, err
	}
	if err := m.Write(run, []byte(a.State+"\n"), 0o644, os.Geteuid(), os.Getegid()); err != nil {
		return done, err
	}
	return done, m.Put(ctx, run, true)
}
