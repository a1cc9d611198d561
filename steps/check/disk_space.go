package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// DiskSpace is the step type disk-space.
func DiskSpace() step.Type {
	return step.New(step.About{
		Name:    "disk-space",
		Summary: "Tell how much space is free, and refuse to continue unless it is enough",
		Doc: `It is the space that gwe may still write on the file system of the path; where the path does not exist yet, on that of the nearest
directory above it. With at-least, less than that fails the step as refused: the run ends with exit code 6 if nothing was
done before, and is rolled back otherwise. Without, the free space is an output for later steps.

A file system that reports no size (df shows a dash: ramfs, tmpfs without a limit, some FUSE file systems) has room for anything: the step warns
that it cannot tell, continues, and free is 4096PiB.`,
		Example: "disk-space: { path: /opt/firmware, at-least: 400MiB }\n",
		Scalar:  "path",
	}, diskSpace{})
}

type diskSpace struct{}

// diskSpaceArguments are what a recipe gives.
type diskSpaceArguments struct {
	Path    value.Path  `name:"path" required:"true" help:"a path on the file system"`
	AtLeast *value.Size `name:"at-least" help:"how much must be free"`
}

// diskSpaceOutputs are what later steps may read.
type diskSpaceOutputs struct {
	Free value.Size `name:"free" help:"how much is free"`
}

// free asks the nearest directory that exists.
func (a diskSpaceArguments) free(machine step.Machine) (value.Size, error) {
	at, err := filepath.Abs(string(a.Path))
	if err != nil {
		return value.Size{}, fault.New(fault.Errored, "path-unreadable", "the working directory is gone, and %s is relative to it", a.Path).WithCause(err)
	}
	for {
		free, err := machine.Space(at)
		switch {
		case err == nil:
			return value.SizeOf(free), nil
		case at != "/" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)):
			at = filepath.Dir(at)
		default:
			return value.Size{}, durable.Explain(err, "cannot tell the free space of %s", a.Path)
		}
	}
}

// short is the fault of too little space; nil where it is enough.
func (a diskSpaceArguments) short(free value.Size) error {
	if a.AtLeast == nil || free.Compare(*a.AtLeast) >= 0 {
		return nil
	}
	return fault.New(fault.Refused, "disk-space-short", "the file system of %s has %s free, and %s is wanted", a.Path, free, *a.AtLeast).
		WithHint("free some space there: df -h %s", a.Path)
}

// isUnknown reports whether free is that of a file system that reports no size.
func isUnknown(free value.Size) bool { return free == value.SizeOf(step.SpaceUnknown) }

func (a diskSpaceArguments) cannotTell() string {
	return fmt.Sprintf("the file system of %s does not report how much is free", a.Path)
}

// Plan tells how it stands now, and does not fail: a step before may free some.
func (diskSpace) Plan(_ context.Context, machine step.Machine, arguments diskSpaceArguments) (step.Plan, error) {
	free, err := arguments.free(machine)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("continue: %s is free at %s", free, arguments.Path)}, Outputs: map[string]any{"free": free}}
	if isUnknown(free) {
		plan.Do = []string{"continue: " + arguments.cannotTell()}
	}
	if err := arguments.short(free); err != nil {
		plan.Do = []string{"refuse: " + err.Error()}
	}
	return plan, nil
}

func (diskSpace) Prepare(context.Context, *step.Run, diskSpaceArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (diskSpace) Do(ctx context.Context, run *step.Run, arguments diskSpaceArguments, _ step.Nothing) (diskSpaceOutputs, error) {
	if err := ctx.Err(); err != nil {
		return diskSpaceOutputs{}, err
	}
	free, err := arguments.free(run.Machine)
	if err == nil {
		err = arguments.short(free)
	}
	if err == nil && isUnknown(free) {
		run.Log.Warn(arguments.cannotTell())
	}
	return diskSpaceOutputs{Free: free}, err
}

func (diskSpace) Undo(context.Context, *step.Run, diskSpaceArguments, step.Nothing) error { return nil }
