package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

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

const findFallbackDoc = `The previous release is the newest of those in dir that are older than the running one, in the order in which they were
installed, as that is recorded beside them (see prune). So going back twice goes back two releases, and never forward
again. Where nothing runs, because the link is missing or leads nowhere, it is the newest of all.

A release that was left as bad is passed over: one that was rolled back from, for an older release or for the failsafe. It is chosen only where release
names it. To install it again, or to point the link at it again, unmarks it.

Where there is no such release, it is the failsafe: the directory failsafe in dir, or what the link of that name leads to.
The failsafe is never taken for a previous release.

Where there is neither, or where the failsafe runs already, the step is refused. It only reads.`

type findFallbackArguments struct {
	Dir  value.Path `name:"dir" required:"true" help:"the directory that holds the releases"`
	Link string     `name:"link" default:"current" help:"the name in dir of the link to the running release"`
	// Release is chosen outright.
	Release string `name:"release" help:"the name in dir of the release to go to, also where it was left as bad or is newer; the previous one where empty"`
}

type findFallbackOutputs struct {
	Target     value.Path  `name:"target" help:"the release to go back to; failsafe itself where that is a link"`
	Name       string      `name:"name" help:"the last part of target"`
	IsFailsafe bool        `name:"is_failsafe" help:"whether it is the failsafe"`
	Leaves     bool        `name:"leaves" help:"whether there is a running release to leave: the link is there and leads to a directory"`
	From       *value.Path `name:"from" present:"leaves" help:"the running release, as an absolute path"`
}

type findFallback struct{}

func (findFallback) Plan(_ context.Context, machine step.Machine, arguments findFallbackArguments) (step.Plan, error) {
	outputs, remarks, err := fallback(machine, arguments)
	if err != nil {
		return step.Plan{}, err
	}
	text := "go back to %s, the previous release"
	switch {
	case arguments.Release != "":
		text = "go to %s, as asked"
	case outputs.IsFailsafe:
		text = "go back to %s: there is no previous release"
	}
	plan := step.Plan{Do: append([]string{fmt.Sprintf(text, outputs.Target)}, remarks...)}
	plan.Outputs, err = value.FromStruct(outputs)
	return plan, err
}

func (findFallback) Prepare(context.Context, *step.Run, findFallbackArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (findFallback) Do(_ context.Context, run *step.Run, arguments findFallbackArguments, _ step.Nothing) (findFallbackOutputs, error) {
	outputs, remarks, err := fallback(run.Machine, arguments)
	for _, remark := range remarks {
		run.Log.Info(remark)
	}
	return outputs, err
}

func (findFallback) Undo(context.Context, *step.Run, findFallbackArguments, step.Nothing) error {
	return nil
}

// fallback chooses. The remarks tell people what it passed over, and why.
func fallback(machine step.Machine, arguments findFallbackArguments) (outputs findFallbackOutputs, remarks []string, err error) {
	link, err := linkIn(arguments.Dir, arguments.Link)
	if err != nil {
		return outputs, nil, err
	}
	dir := filepath.Dir(link)
	running, leaving, err := runningRelease(machine, link)
	if err != nil {
		return outputs, nil, err
	}
	if outputs.Leaves = leaving != nil; outputs.Leaves {
		path := value.Path(running)
		outputs.From = &path
	}
	path := filepath.Join(dir, failsafeName)
	golden, err := machine.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return outputs, nil, durable.Explain(err, "cannot look at %s", path)
	}
	if arguments.Release != "" {
		err := outputs.choose(machine, dir, arguments.Release, leaving)
		return outputs, nil, err
	}
	if leaving != nil && golden != nil && sameFile(leaving, golden) {
		return outputs, nil, fault.New(fault.Refused, "fallback-is-running", "the failsafe runs already, and there is nothing after it to go back to").
			WithHint("install a release that works")
	}
	releases, damaged, err := releasesIn(machine, dir)
	if err != nil {
		return outputs, nil, err
	}
	for _, path := range damaged {
		remarks = append(remarks, path+" is damaged, and counts as absent in the order of the releases")
	}
	name, bad := previous(releases, leaving, golden)
	for _, one := range bad {
		remarks = append(remarks, fmt.Sprintf("pass over %s, which was left as bad", one))
	}
	if name != "" {
		outputs.Target, outputs.Name = value.Path(filepath.Join(dir, name)), name
		return outputs, remarks, nil
	}
	if golden == nil || !golden.IsDir() {
		refused := fault.New(fault.Refused, "fallback-none", "in %s there is neither an older release nor a failsafe to go back to", dir)
		if len(bad) > 0 {
			refused = fault.New(fault.Refused, "fallback-none", "in %s there is no failsafe to go back to, and no older release that was not left as bad: %s",
				dir, strings.Join(bad, ", "))
			return outputs, nil, refused.WithHint("install a release that works, or name one of these in `release`")
		}
		return outputs, nil, refused.WithHint("see what is there: ls -l %s", dir)
	}
	outputs.Target, outputs.Name, outputs.IsFailsafe = value.Path(path), failsafeName, true
	return outputs, remarks, nil
}

// choose takes the release that was asked for by name.
func (o *findFallbackOutputs) choose(machine step.Machine, dir, name string, running fs.FileInfo) error {
	path := filepath.Join(dir, name)
	info, err := machine.Stat(path)
	if err != nil || !info.IsDir() || name != filepath.Base(path) || strings.HasPrefix(name, ".") {
		return fault.New(fault.Refused, "fallback-no-release", "there is no release %q in %s", name, dir).
			WithHint("see what is there: ls -l %s", dir).WithCause(err)
	}
	if running != nil && sameFile(running, info) {
		return fault.New(fault.Refused, "fallback-runs-already", "the release %s runs already", name).
			WithHint("name another one, or leave `release` empty to go back to the previous one")
	}
	o.Target, o.Name, o.IsFailsafe = value.Path(path), name, name == failsafeName
	return nil
}

// runningRelease gives the directory that the link leads to; nil where it leads nowhere. A directory in the
// link's place is refused: it would have to be adopted first.
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

// previous gives the name of the newest release that is older than the running one, the failsafe left out,
// and the names of the bad ones that it passed over; "" where there is none.
func previous(releases []directory, running, golden fs.FileInfo) (name string, bad []string) {
	// A running release from another directory has no place in the order.
	known := false
	for _, one := range releases {
		known = known || running != nil && sameFile(one.info, running)
	}
	passed := !known
	for _, one := range releases {
		switch {
		case known && sameFile(one.info, running):
			passed = true
		case !passed || golden != nil && sameFile(one.info, golden):
		case one.bad:
			bad = append(bad, one.name)
		default:
			return one.name, bad
		}
	}
	return "", bad
}
