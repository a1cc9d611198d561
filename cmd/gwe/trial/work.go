package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/cmd/gwe/trial/scratch"
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Work is the role that does one test on its machine: the job comes from in, and the report goes to out.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	foreign, err := scratch.Foreign()
	if err != nil {
		return tell(out, broken(err))
	}
	r, err := work(ctx, j, passed(foreign))
	if err != nil {
		return tell(out, broken(err))
	}
	return tell(out, r)
}

// passed are the paths that no tree is compared at or below: what belongs to the real machine, and gwe's
// state and locks.
func passed(foreign []string) map[string]bool {
	pass := map[string]bool{stateDirectory: true, locksDirectory: true}
	for _, path := range foreign {
		pass[path] = true
	}
	return pass
}

func work(ctx context.Context, j job, pass map[string]bool) (report, error) {
	r := report{pass: pass}
	if err := furnish(ctx, j); err != nil {
		return r, err
	}
	if err := setUp(ctx, j.Script); err != nil {
		return r, err
	}
	var err error
	if r.Before, err = snapshot(pass); err != nil {
		return r, err
	}
	if err := r.run(ctx, j); err != nil {
		return r, err
	}
	if r.After, err = snapshot(pass); err != nil {
		return r, err
	}
	if err := r.readEvents(); err != nil {
		return r, err
	}
	state := engine.State{Directory: stateDirectory}
	if told, err := state.Show(""); err == nil { // else there was no run, and gwe has said why
		r.Error, r.Hint, r.Others = told.Error, told.Hint, told.Errors
	}
	r.Calls = map[string][]string{}
	for i, one := range j.StandIns {
		if r.Calls[one.Name.Text], err = readCalls(callsOf(i)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// furnish builds all that the test starts from.
func furnish(ctx context.Context, j job) error {
	w := workshop{directory: scratch.Directory, keys: map[string]bundle.KeyFiles{}}
	if err := w.build(ctx, "/", j.Fixture); err != nil {
		return err
	}
	for _, directory := range j.Plugins {
		if err := os.CopyFS(directory, os.DirFS(strings.TrimSuffix(directory, ownCopy))); err != nil {
			return fmt.Errorf("the plugins: %w", err)
		}
	}
	if j.Source != nil {
		if err := os.WriteFile(j.Recipe, j.Source, 0o644); err != nil {
			return err
		}
	}
	if j.Fault != nil {
		text, err := json.Marshal(j.Fault)
		if err != nil {
			return err
		}
		if err := os.WriteFile(faultFile, text, 0o600); err != nil {
			return err
		}
	}
	// The fixture may lack what every machine has for the recipe's log and locks; the state directory is no
	// part of the tree.
	return errors.Join(os.WriteFile(inputsFile, j.Inputs, 0o600), os.MkdirAll(stateDirectory, 0o700))
}

// setUp runs the test's own script. What it starts continues, until the machine ends.
func setUp(ctx context.Context, script string) error {
	if script == "" {
		return nil
	}
	// A file and no pipe: a daemon keeps it open.
	said, err := os.Create(scratch.Directory + "/setup.log")
	if err != nil {
		return err
	}
	defer said.Close()
	command := exec.CommandContext(ctx, "/bin/sh", "-eu", "-c", script, "setup")
	command.Dir, command.Env, command.Stdout, command.Stderr = "/", process.BaseEnvironment(), said, said
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		return fmt.Errorf("the script of setup: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return nil
}

// run carries the recipe out as anybody does. Where gwe is killed on purpose, it then lets gwe recover, as at
// a boot.
func (r *report) run(ctx context.Context, j job) error {
	global := []string{"--output", "json"}
	for _, directory := range j.Plugins {
		global = append(global, "--plugin-dir", directory)
	}
	killed, err := r.mortal(ctx, global, "run", j.Recipe, "--inputs", inputsFile)
	if err != nil {
		return err
	}
	return r.goOn(ctx, j, global, killed)
}

// mortal starts gwe. Where it is killed on purpose it then lets gwe recover.
func (r *report) mortal(ctx context.Context, global []string, arguments ...string) (killed bool, err error) {
	killed, err = r.gwe(ctx, append(slices.Clone(global), arguments...))
	if err != nil || !killed {
		return false, err
	}
	if err := os.Remove(faultFile); err != nil {
		return false, err
	}
	r.Log += "(gwe is killed here, and then recovers)\n"
	again, err := r.gwe(ctx, append(slices.Clone(global), "recover"))
	if err == nil && again {
		err = errors.New("the recovery was killed")
	}
	return true, err
}

// gwe starts gwe and takes in what it says. It reports whether it was killed.
func (r *report) gwe(ctx context.Context, arguments []string) (killed bool, err error) {
	command := scratch.Self(ctx, append([]string{InsideCommand, RoleGwe, "--"}, arguments...)...)
	command.Dir = "/"
	var told, complaints bytes.Buffer
	command.Stdout, command.Stderr = &told, &complaints
	err = command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return false, err
	}
	status := command.ProcessState.Sys().(syscall.WaitStatus)
	killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	r.Exit = command.ProcessState.ExitCode()
	r.listen(told.Bytes())
	if text := strings.TrimSpace(complaints.String()); text != "" {
		r.Log += text + "\n"
		r.Said = append(r.Said, strings.Split(text, "\n")...)
	}
	return killed, nil
}

// listen reads the events of gwe's log, and its result.
func (r *report) listen(told []byte) {
	var log bytes.Buffer
	plain := tasklog.NewPlain(&log, 0)
	for line := range bytes.Lines(told) {
		var one tasklog.Event
		var result struct{ Outputs map[string]json.RawMessage }
		if json.Unmarshal(line, &one) == nil && one.Time.IsZero() {
			if json.Unmarshal(line, &result) == nil && result.Outputs != nil {
				r.Outputs = result.Outputs
			}
			continue
		}
		plain.Handle(one)
		for _, text := range []string{one.Name, one.Text, one.Error} {
			if text != "" {
				r.Said = append(r.Said, text)
			}
		}
	}
	_ = plain.Close()
	r.Log += log.String()
}

// readEvents reads what the processes of gwe wrote down.
func (r *report) readEvents() error {
	text, err := os.ReadFile(eventsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range bytes.Lines(text) {
		var one event
		if err := json.Unmarshal(line, &one); err != nil {
			return err
		}
		r.Events = append(r.Events, one)
	}
	if text, err = os.ReadFile(commitFile); err == nil {
		return json.Unmarshal(text, &r.Commit)
	}
	return nil
}

// readCalls reads how a stand-in was called: the number of arguments and then these, each ended by a NUL
// byte.
func readCalls(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	calls := []string{}
	words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	if len(text) == 0 {
		return calls, nil
	}
	for len(words) > 0 {
		count, err := strconv.Atoi(words[0])
		if err != nil || count >= len(words) {
			return nil, fmt.Errorf("the calls in %s cannot be read", filepath.Base(file))
		}
		var line []string
		for _, word := range words[1 : count+1] {
			if !harmless.MatchString(word) {
				word = quoted(word)
			}
			line = append(line, word)
		}
		calls = append(calls, strings.Join(line, " "))
		words = words[count+1:]
	}
	return calls, nil
}

// harmless words need no quotes in a shell.
var harmless = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)
