package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

// begunName is a file in Run.Directory that is there from before the way down begins until it was undone:
// without it, the database was not touched.
const begunName = "begun"

// Do runs the way down.
func (rollback) Do(ctx context.Context, run *step.Run, arguments rollbackArguments, memo rollbackMemo) (rollbackOutputs, error) {
	if err := ctx.Err(); err != nil {
		return rollbackOutputs{}, err
	}
	if len(memo.Ways) == 0 {
		run.Log.Info("the new release has all the migrations of the running one")
		return rollbackOutputs{}, nil
	}
	if err := durable.WriteNote(filepath.Join(run.Directory, begunName), nil); err != nil {
		return rollbackOutputs{}, err
	}
	if err := durable.SyncFileSystems(run.Directory); err != nil {
		return rollbackOutputs{}, err
	}
	result := rollbackOutputs{RolledBack: true}
	for _, one := range memo.Ways {
		run.Log.Info(fmt.Sprintf("going back from %s to %s", one.named(one.From), one.named(one.To)))
		if err := arguments.carryOut(ctx, run, memo, arguments.down(one)); err != nil {
			return rollbackOutputs{}, err
		}
		result.From, result.To = append(result.From, one.named(one.From)), append(result.To, one.named(one.To))
		for _, name := range one.Undone {
			result.Undone = append(result.Undone, one.named(name))
		}
	}
	return result, nil
}

// Undo runs the way up, where the way down was begun. It may have ended anywhere: the command knows where the
// database is.
func (rollback) Undo(ctx context.Context, run *step.Run, arguments rollbackArguments, memo rollbackMemo) error {
	begun := filepath.Join(run.Directory, begunName)
	if _, err := os.Lstat(begun); len(memo.Ways) == 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, one := range memo.Ways {
		run.Log.Info("going forward again to " + one.named(one.From))
		if err := arguments.carryOut(ctx, run, memo, arguments.forward(one)); err != nil {
			return stuck(err, memo, arguments.forward(one))
		}
	}
	if err := os.Remove(begun); err != nil {
		return durable.Explain(err, "cannot remove %s", begun)
	}
	return durable.SyncDirectory(run.Directory)
}

func (a rollbackArguments) carryOut(ctx context.Context, run *step.Run, memo rollbackMemo, command []string) error {
	prepared, err := a.process(run, memo, command)
	if err != nil {
		return err
	}
	prepared.In, err = memo.open(run)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // that it is not there is told when the program is to run
		return err
	}
	defer prepared.In.Close()
	result, err := process.Run(ctx, prepared)
	if err != nil {
		return err
	}
	return result.Check(command[0])
}

// open opens the release that ran: the directory that it was when the step began.
func (m rollbackMemo) open(run *step.Run) (*openat.Dir, error) {
	dir, _, err := run.Dir(filepath.Join(m.Running, "x"))
	return dir, durable.Explain(err, "cannot open the release %s", m.Running)
}

// stuck adds to the failure of the way up what a person has to do, who is needed now.
func stuck(err error, memo rollbackMemo, command []string) error {
	found := fault.As(err)
	if found == nil || step.IsParentChanged(err) {
		return err
	}
	return found.WithHint("the database is between two releases, and the tool's last lines in the log say why. Put right what its last migration has left "+
		"(golang-migrate calls the database dirty: migrate ... force VERSION, with the last version that is whole), and then run in %s: %s", memo.Running, shown(command))
}

func (a rollbackArguments) process(run *step.Run, memo rollbackMemo, command []string) (process.Command, error) {
	variables := process.BaseEnvironment()
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(a.Env[name], 0) {
			return process.Command{}, fault.New(fault.Refused, "variable-invalid", "%q cannot be an environment variable", name).
				WithHint("a name has no = in it and is not empty, and neither name nor value holds a NUL byte")
		}
		variables = append(variables, name+"="+a.Env[name])
	}
	return process.Command{
		Arguments:   command,
		Directory:   memo.Running,
		Environment: append(variables, run.Environment...),
		Output:      func(_, line string) { run.Log.Output(line) },
		Filter:      run.Log.Filter,
		Started:     run.Started,
	}, nil
}

// examine refuses early a program that could not run.
func (a rollbackArguments) examine(run *step.Run, memo rollbackMemo, one way) error {
	prepared, err := a.process(run, memo, a.down(one))
	if err != nil {
		return err
	}
	for _, command := range [][]string{a.down(one), a.forward(one)} {
		program := command[0]
		switch {
		case !strings.Contains(program, "/"):
			_, err = process.LookPath(program, prepared.Environment)
		case filepath.IsAbs(program):
			err = process.Examine(program, prepared.Environment)
		default:
			err = process.Examine(filepath.Join(memo.Running, program), prepared.Environment)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shown is a command as one line for people. Of a word with several lines, a script, they see the first.
func shown(command []string) string {
	words := make([]string, 0, len(command))
	for _, word := range command {
		if first, _, more := strings.Cut(word, "\n"); more {
			word = first + " ..."
		}
		if quoted := fmt.Sprintf("%q", word); word == "" || strings.ContainsAny(word, " '\\$") || quoted != `"`+word+`"` {
			word = quoted
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
