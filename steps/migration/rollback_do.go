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
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

// begunName is a file in Run.Folder that is there from before the way down begins until it was undone: without it, the
// database was not touched.
const begunName = "begun"

// Do runs the way down.
func (rollback) Do(ctx context.Context, run *step.Run, arguments rollbackArguments, memo rollbackMemo) (rollbackOutputs, error) {
	if err := ctx.Err(); err != nil {
		return rollbackOutputs{}, err
	}
	if memo.To == "" {
		run.Log.Info("the new release has all the migrations of the running one")
		return rollbackOutputs{}, nil
	}
	if err := durable.WriteFile(filepath.Join(run.Folder, begunName), nil, 0o600); err != nil {
		return rollbackOutputs{}, err
	}
	run.Log.Info(fmt.Sprintf("going back from %s to %s", memo.From, memo.To))
	if err := arguments.carryOut(ctx, run, memo, arguments.down(memo)); err != nil {
		return rollbackOutputs{}, err
	}
	return rollbackOutputs{RolledBack: true, From: &memo.From, To: &memo.To, Undone: memo.Undone}, nil
}

// Undo runs the way up, where the way down was begun. It may have ended anywhere: the command knows where the database
// is.
func (rollback) Undo(ctx context.Context, run *step.Run, arguments rollbackArguments, memo rollbackMemo) error {
	begun := filepath.Join(run.Folder, begunName)
	if _, err := os.Lstat(begun); memo.To == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	run.Log.Info("going forward again to " + memo.From)
	if err := arguments.carryOut(ctx, run, memo, arguments.forward(memo)); err != nil {
		return err
	}
	return durable.RemoveAll(begun)
}

func (a rollbackArguments) carryOut(ctx context.Context, run *step.Run, memo rollbackMemo, command []string) error {
	prepared, err := a.process(run, memo, command)
	if err != nil {
		return err
	}
	result, err := process.Run(ctx, prepared)
	if err != nil {
		return err
	}
	return result.Check(command[0])
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
		Folder:      memo.Running,
		Environment: append(variables, run.Environment...),
		Output:      func(_, line string) { run.Log.Output(line) },
		Started:     run.Started,
	}, nil
}

// examine refuses early a program that could not run.
func (a rollbackArguments) examine(run *step.Run, memo rollbackMemo) error {
	prepared, err := a.process(run, memo, a.down(memo))
	if err != nil {
		return err
	}
	for _, command := range [][]string{a.down(memo), a.forward(memo)} {
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

// shown is a command as one line for people.
func shown(command []string) string {
	words := make([]string, 0, len(command))
	for _, word := range command {
		if quoted := fmt.Sprintf("%q", word); word == "" || strings.ContainsAny(word, " '\\$") || quoted != `"`+word+`"` {
			word = quoted
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
