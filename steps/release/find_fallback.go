package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// FindFallback is the step type find-fallback.
func FindFallback() step.Type {
	return step.New(step.About{
		Name:    "find-fallback",
		Summary: "Find the release to go back to: the previous one, or the failsafe",
		Doc:     findFallbackDoc,
		Example: "id: back\nfind-fallback: { dir: /opt/firmware }\n",
		Scalar:  "dir",
	}, findFallback{})
}

const findFallbackDoc = `The previous release is the newest of those in dir that are older than the running one, in the order in which prune
counts: by the time at which their folders were made on this machine. So going back twice goes back two releases, and never forward
again. Where nothing runs, because the link is missing or leads nowhere, it is the newest of all.

Where there is no such release, it is the failsafe: the folder failsafe in dir, or what the link of that name leads to.
The failsafe is never taken for a previous release.

Where there is neither, or where the failsafe runs already, the step is refused. It only reads.`

type findFallbackArguments struct {
	Dir  value.Path `name:"dir" required:"true" help:"the folder that holds the releases"`
	Link string     `name:"link" default:"current" help:"the name in dir of the link to the running release"`
}

type findFallbackOutputs struct {
	Target     value.Path  `name:"target" help:"the release to go back to; failsafe itself where that is a link"`
	Name       string      `name:"name" help:"the last part of target"`
	IsFailsafe bool        `name:"is_failsafe" help:"whether it is the failsafe"`
	Leaves     bool        `name:"leaves" help:"whether there is a running release to leave: the link is there and leads to a folder"`
	From       *value.Path `name:"from" present:"leaves" help:"the running release, as an absolute path"`
}

type findFallback struct{}

func (findFallback) Plan(_ context.Context, machine step.Machine, arguments findFallbackArguments) (step.Plan, error) {
	outputs, err := fallback(machine, arguments)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("go back to %s, the previous release", outputs.Target)}}
	if outputs.IsFailsafe {
		plan.Do = []string{fmt.Sprintf("go back to %s: there is no previous release", outputs.Target)}
	}
	plan.Outputs, err = value.FromStruct(outputs)
	return plan, err
}

func (findFallback) Prepare(context.Context, *step.Run, findFallbackArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (findFallback) Do(_ context.Context, run *step.Run, arguments findFallbackArguments, _ step.Nothing) (findFallbackOutputs, error) {
	return fallback(run.Machine, arguments)
}

func (findFallback) Undo(context.Context, *step.Run, findFallbackArguments, step.Nothing) error {
	return nil
}

func fallback(machine step.Machine, arguments findFallbackArguments) (findFallbackOutputs, error) {
	link, err := linkIn(arguments.Dir, arguments.Link)
	if err != nil {
		return findFallbackOutputs{}, err
	}
	dir := filepath.Dir(link)
	running, leaving, err := runningRelease(machine, link)
	if err != nil {
		return findFallbackOutputs{}, err
	}
	outputs := findFallbackOutputs{Leaves: leaving != nil}
	if outputs.Leaves {
		path := value.Path(running)
		outputs.From = &path
	}
	path := filepath.Join(dir, failsafeName)
	golden, err := machine.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return findFallbackOutputs{}, durable.Explain(err, "cannot look at %s", path)
	}
	if leaving != nil && golden != nil && sameFile(leaving, golden) {
		return findFallbackOutputs{}, fault.New(fault.Refused, "fallback-is-running", "the failsafe runs already, and there is nothing behind it to go back to").
			WithHint("install a release that works")
	}
	releases, err := releasesIn(machine, dir)
	if err != nil {
		return findFallbackOutputs{}, err
	}
	if name := previous(releases, leaving, golden); name != "" {
		outputs.Target, outputs.Name = value.Path(filepath.Join(dir, name)), name
		return outputs, nil
	}
	if golden == nil || !golden.IsDir() {
		return findFallbackOutputs{}, fault.New(fault.Refused, "fallback-none", "in %s there is neither an older release nor a failsafe to go back to", dir).
			WithHint("see what is there: ls -l %s", dir)
	}
	outputs.Target, outputs.Name, outputs.IsFailsafe = value.Path(path), failsafeName, true
	return outputs, nil
}

// runningRelease gives the folder that the link leads to; nil where it leads nowhere. A folder in the link's place is
// refused: it would have to be adopted first.
func runningRelease(machine step.Machine, link string) (string, fs.FileInfo, error) {
	text, found, err := readLink(machine, link, "fallback-not-a-link")
	if err != nil || !found {
		return "", nil, err
	}
	info, err := machine.Stat(link)
	if err != nil || !info.IsDir() {
		return "", nil, nil // a link that leads nowhere, or to no release, is a reason to go back
	}
	target, err := targetOf(machine, link, text)
	return target, info, err
}

// previous gives the name of the newest release that is older than the running one, the failsafe left out; "" where there
// is none.
func previous(releases []folder, running, golden fs.FileInfo) string {
	// A running release from another folder has no place in the order.
	known := false
	for _, one := range releases {
		known = known || running != nil && sameFile(one.info, running)
	}
	passed := !known
	for _, one := range releases {
		switch {
		case known && sameFile(one.info, running):
			passed = true
		case passed && (golden == nil || !sameFile(one.info, golden)):
			return one.name
		}
	}
	return ""
}
