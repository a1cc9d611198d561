package release

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// ReadLink is the step type read-link.
func ReadLink() step.Type {
	return step.New(step.About{
		Name:    "read-link",
		Summary: "Find out which release a link names",
		Doc:     readLinkDoc,
		Example: "id: current\nread-link: { path: /opt/firmware/current, missing: ok }\n",
		Scalar:  "path",
	}, readLinkAction{})
}

const readLinkDoc = `Gives where the symbolic link points: one hop, even where that is a link again. The target need not exist.

A missing link is an error, unless missing is ok: then found is false, and target and name are absent. A directory or a file in
the link's place is refused: the message says how to make it the release to fall back to.`

type readLinkArguments struct {
	Path    value.Path `name:"path" required:"true" help:"the symbolic link"`
	Missing string     `name:"missing" enum:"error,ok" default:"error" help:"whether it may be missing"`
}

type readLinkOutputs struct {
	Found  bool        `name:"found" help:"whether the link is there"`
	Target *value.Path `name:"target" present:"found" help:"where it points, as an absolute path"`
	Name   *string     `name:"name" present:"found" help:"the last part of target"`
}

type readLinkAction struct{}

func (readLinkAction) Plan(_ context.Context, machine step.Machine, arguments readLinkArguments) (step.Plan, error) {
	outputs, err := lookUp(machine, arguments)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("read %s: nothing is there", arguments.Path)}}
	if outputs.Found {
		plan.Do = []string{fmt.Sprintf("read %s: it names %s", arguments.Path, *outputs.Target)}
	}
	plan.Outputs, err = value.FromStruct(outputs)
	return plan, err
}

func (readLinkAction) Prepare(context.Context, *step.Run, readLinkArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (readLinkAction) Do(_ context.Context, run *step.Run, arguments readLinkArguments, _ step.Nothing) (readLinkOutputs, error) {
	return lookUp(run.Machine, arguments)
}

func (readLinkAction) Undo(context.Context, *step.Run, readLinkArguments, step.Nothing) error {
	return nil
}

func lookUp(machine step.Machine, arguments readLinkArguments) (readLinkOutputs, error) {
	link, err := absolute(arguments.Path)
	if err != nil {
		return readLinkOutputs{}, err
	}
	text, found, err := readLink(machine, link, "read-link-not-a-link")
	switch {
	case err != nil:
		return readLinkOutputs{}, err
	case !found && arguments.Missing == "ok":
		return readLinkOutputs{}, nil
	case !found:
		return readLinkOutputs{}, fault.New(fault.Failed, "read-link-missing", "there is no link %s", link).
			WithHint("say missing: ok where a first installation is fine")
	}
	target, err := targetOf(machine, link, text)
	if err != nil {
		return readLinkOutputs{}, err
	}
	path, name := value.Path(target), filepath.Base(target)
	return readLinkOutputs{Found: true, Target: &path, Name: &name}, nil
}
