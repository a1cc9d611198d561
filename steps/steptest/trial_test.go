package steptest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	records "github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// trial is a step type that replaces a file and makes a directory: enough to go wrong in every way. flaw is
// the way in which it does; "" is a sound type.
type trial struct{ flaw string }

type trialArguments struct {
	Dir  value.Path `name:"dir" required:"true" help:"where to work"`
	From value.Path `name:"from" required:"true" help:"what to put into the directory"`
}

type trialMemo struct {
	Kept    string `json:"kept"`
	Staging string `json:"staging"`
}

type trialOutputs struct {
	Found bool        `name:"found" help:"whether there was a file"`
	Path  *value.Path `name:"path" present:"found" help:"the directory"`
}

func trialAbout() step.About {
	return step.About{
		Name: "trial", Summary: "Replace a file and make a directory", Doc: "It is for tests.",
		Example: "id: tried\ntrial: { dir: /a, from: /b }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "dir"}},
		Undo:    "the file and the directory go back",
	}
}

// remembered is what a type with the flaw "memory" keeps in the process alone.
var remembered = map[string]bool{}

func (a trial) Plan(_ context.Context, machine step.Machine, arguments trialArguments) (step.Plan, error) {
	dir := string(arguments.Dir)
	plan := step.Plan{Do: []string{"replace " + dir + "/file"}, Undo: []string{"put it back"}}
	switch a.flaw {
	case "plan-writes":
		probe := filepath.Join(dir, "probe")
		return plan, errors.Join(os.WriteFile(probe, nil, 0o600), os.Remove(probe))
	case "plan-runs":
		return plan, exec.Command("/bin/true").Run()
	case "plan-nothing":
		plan.Nothing = true
	case "plan-silent":
		plan.Undo = nil
	case "plan-lines":
		plan.Do = []string{"one\ntwo"}
	case "plan-outputs":
		plan.Outputs = map[string]any{"nothing": 1}
	}
	_, err := machine.Lstat(filepath.Join(dir, "file"))
	return plan, err
}

func (a trial) Prepare(_ context.Context, run *step.Run, arguments trialArguments) (trialMemo, error) {
	if a.flaw == "prepare-writes" {
		return trialMemo{}, os.Chtimes(filepath.Join(string(arguments.Dir), "file"), time.Time{}, time.Unix(1, 0))
	}
	return trialMemo{Kept: ".gwe-kept-" + run.ID, Staging: ".gwe-staging-" + run.ID}, nil
}

func (a trial) Do(ctx context.Context, run *step.Run, arguments trialArguments, memo trialMemo) (trialOutputs, error) {
	dir := string(arguments.Dir)
	made := value.Path(filepath.Join(dir, "made"))
	outputs := trialOutputs{Found: true, Path: &made}
	staging, file := filepath.Join(dir, memo.Staging), filepath.Join(dir, "file")
	if a.flaw == "do-nothing" {
		return outputs, nil
	}
	if a.flaw == "do-deaf" {
		ctx = context.WithoutCancel(ctx)
	}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return outputs, err
	}
	for i := range 3 {
		content, err := os.ReadFile(string(arguments.From))
		if err != nil {
			return outputs, err
		}
		if err := os.WriteFile(filepath.Join(staging, fmt.Sprint(i)), content, 0o600); err != nil {
			return outputs, err
		}
		if err := ctx.Err(); err != nil && a.flaw == "do-misnames" {
			return outputs, fault.New(fault.Failed, "trial-stopped", "it was stopped").WithCause(err)
		} else if err != nil {
			return outputs, err
		}
	}
	if a.flaw == "do-leaves-process" {
		sleeper := exec.Command("/bin/sleep", "20")
		sleeper.Env = run.Environment
		if err := sleeper.Start(); err != nil {
			return outputs, err
		}
		run.Started(sleeper.Process.Pid)
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		if err := sleeper.Process.Kill(); err != nil {
			return outputs, err
		}
		// It ends by the kill, which is an error to Wait.
		_ = sleeper.Wait()
	}
	if err := os.Rename(file, filepath.Join(dir, memo.Kept)); err != nil {
		return outputs, err
	}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	switch a.flaw {
	case "do-strays":
		if err := os.Chmod(filepath.Join(filepath.Dir(dir), "bystander"), 0o600); err != nil {
			return outputs, err
		}
	case "do-absent-output":
		outputs.Path = nil
	case "memory":
		remembered[dir] = true
	}
	if err := os.WriteFile(file, []byte("new"), 0o644); err != nil {
		return outputs, err
	}
	if a.flaw != "do-umask" {
		if err := errors.Join(os.Chmod(file, 0o644), os.Chmod(staging, 0o755)); err != nil {
			return outputs, err
		}
	}
	if err := records.Record(context.WithoutCancel(ctx), run, staging); err != nil {
		return outputs, err
	}
	return outputs, os.Rename(staging, string(made))
}

func (a trial) Undo(ctx context.Context, run *step.Run, arguments trialArguments, memo trialMemo) error {
	dir := string(arguments.Dir)
	file, kept := filepath.Join(dir, "file"), filepath.Join(dir, memo.Kept)
	_, err := os.Lstat(kept)
	done := err == nil
	switch {
	case a.flaw == "undo-nothing":
		return nil
	case a.flaw == "undo-wants-do" && !done:
		return err
	case a.flaw == "undo-wants-package":
		if _, err := os.Stat(string(arguments.From)); err != nil {
			return err
		}
	case a.flaw == "memory" && done && !remembered[dir]:
		return nil
	case a.flaw == "undo-forgets-half":
		// What a second undo would know by goes first.
		if !done {
			return os.RemoveAll(filepath.Join(dir, memo.Staging))
		}
		if err := os.Rename(kept, file); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		return errors.Join(os.RemoveAll(filepath.Join(dir, "made")), os.RemoveAll(filepath.Join(dir, memo.Staging)))
	}
	if a.flaw != "undo-leaves-staging" {
		if err := os.RemoveAll(filepath.Join(dir, memo.Staging)); err != nil {
			return err
		}
	}
	made := filepath.Join(dir, "made")
	if a.flaw == "undo-later" {
		run.AfterCommit = false
	}
	if err := records.Discard(context.WithoutCancel(ctx), run, made, made); err != nil {
		return err
	}
	if a.flaw == "undo-keeps-nowhere" && run.AfterCommit {
		run.Kept(filepath.Join(dir, "nowhere"))
	}
	if !done {
		if a.flaw == "undo-twice" {
			return os.WriteFile(file, []byte("again"), 0o640)
		}
		return nil
	}
	if a.flaw == "undo-copies" {
		content, err := os.ReadFile(kept)
		return errors.Join(err, os.WriteFile(file, content, 0o640), os.Chmod(file, 0o640), os.Remove(kept))
	}
	if err := os.Rename(kept, file); err != nil {
		return err
	}
	switch a.flaw {
	case "undo-mode":
		return os.Chmod(file, 0o600)
	case "undo-owner":
		return os.Chown(file, 1, 1)
	case "undo-time":
		return os.Chtimes(file, time.Time{}, time.Unix(1e9, 1))
	case "undo-attribute":
		return unix.Removexattr(file, "user.note")
	case "undo-stranger-time":
		return os.Chtimes(filepath.Join(dir, "sub"), time.Time{}, time.Unix(1e9, 1))
	}
	return nil
}

func (a trial) Release(ctx context.Context, _ *step.Run, arguments trialArguments, memo trialMemo) error {
	dir := string(arguments.Dir)
	kept := filepath.Join(dir, memo.Kept)
	switch a.flaw {
	case "release-nothing":
		return nil
	case "release-once":
		return os.Remove(kept)
	case "release-too-much":
		return errors.Join(os.RemoveAll(kept), os.RemoveAll(filepath.Join(dir, "made")))
	case "release-later":
		if err := os.RemoveAll(filepath.Join(dir, ".made.kept-20260102T030405Z-abcdef")); err != nil {
			return err
		}
	case "release-half":
		if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return os.RemoveAll(kept)
}

func (a trial) Leases(arguments trialArguments, _ trialMemo) []string {
	if a.flaw == "lease-relative" {
		return []string{strings.TrimPrefix(string(arguments.Dir), "/")}
	}
	return []string{string(arguments.Dir)}
}

func (a trial) Verify(_ context.Context, _ *step.Run, arguments trialArguments, _ trialMemo) error {
	if a.flaw == "verify-wrong" {
		return fs.ErrInvalid
	}
	return nil
}

// trialType gives the type with that flaw.
func trialType(flaw string) step.Type {
	about := trialAbout()
	switch flaw {
	case "about-name":
		about.Name = "Trial_Step"
	case "about-summary":
		about.Summary = "Replaces a file."
	case "about-doc":
		about.Doc = ""
	case "about-example":
		about.Example = "trial: { dir: /a, form: /b }\n"
	case "about-effect":
		about.Effects = []step.Effect{{Kind: step.Writes, Argument: "folder"}}
	case "about-scalar":
		about.Scalar = "folder"
	case "about-help":
		return step.New(about, helpless{})
	case "no-undo-acts":
		about.Undo = ""
	}
	return step.New(about, trial{flaw})
}

// helpless has an argument without help.
type helpless struct{}

type helplessArguments struct {
	Dir  value.Path `name:"dir" required:"true" help:"where to work"`
	From value.Path `name:"from" required:"true"`
}

func (helpless) Plan(context.Context, step.Machine, helplessArguments) (step.Plan, error) {
	return step.Plan{}, nil
}
func (helpless) Prepare(context.Context, *step.Run, helplessArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}
func (helpless) Do(context.Context, *step.Run, helplessArguments, step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, nil
}
func (helpless) Undo(context.Context, *step.Run, helplessArguments, step.Nothing) error { return nil }
