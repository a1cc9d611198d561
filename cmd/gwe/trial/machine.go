package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/cmd/gwe/trial/scratch"
	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/schema"
)

// InsideCommand is the command by which this program starts itself for a test; its first operand is a role.
// Nobody types it: outside of a scratch machine each role refuses.
const InsideCommand = "test-inside"

// The roles of InsideCommand, in the order in which one starts the next.
const (
	RoleMachine = "machine"
	RoleWork    = "work"
	RoleGwe     = "gwe"
)

// start carries a job out on a machine of its own, and waits for the report. Root is an empty directory,
// which goes in the end unless it is kept.
func start(ctx context.Context, j job) (report, error) {
	var err error
	if j.Layout.Outside, err = scratch.Outside(); err != nil {
		return report{}, scratch.Refused(err)
	}
	given, err := json.Marshal(j)
	if err != nil {
		return report{}, err
	}
	command, err := scratch.Command(ctx, InsideCommand, RoleMachine)
	if err != nil {
		return report{}, err
	}
	var told, complaints bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(given), &told, &complaints
	if err := command.Start(); err != nil {
		return report{}, scratch.Refused(err)
	}
	ended := command.Wait()
	if ctx.Err() != nil {
		return report{}, context.Cause(ctx)
	}
	var r report
	if err := json.Unmarshal(told.Bytes(), &r); err != nil {
		return report{}, fmt.Errorf("the scratch machine ended without a report: %w: %s", errors.Join(ended, err), strings.TrimSpace(complaints.String()))
	}
	if r.Broken != "" {
		return report{}, fault.New(fault.Refused, "test-broken", "%s", r.Broken).WithHint("%s", r.Hint)
	}
	return r, nil
}

// Machine is the role of the machine's init: it makes the machine, starts the work there, and waits for every
// process that lost its parent, as an init does. The job comes from in, and the report goes to out.
func Machine(ctx context.Context, in io.Reader, out io.Writer) error {
	given, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(given, &j); err != nil {
		return err
	}
	if err := scratch.Enter(j.Layout); err != nil {
		return tell(out, broken(err))
	}
	if err := hireStandIns(j.StandIns); err != nil {
		return tell(out, broken(err))
	}
	work := scratch.Self(ctx, InsideCommand, RoleWork)
	work.Dir = "/"
	work.Stdin, work.Stdout, work.Stderr = bytes.NewReader(given), out, os.Stderr
	work.Env = environment()
	if err := work.Start(); err != nil {
		return tell(out, broken(err))
	}
	// The copying goroutines of work end with it: who reaps it does not matter to them.
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case pid == work.Process.Pid:
			_ = work.Wait() // its status is gone, but what it wrote is copied to the end
			return nil
		}
	}
}

// environment is that of gwe on the machine. Of the real one's it keeps what the program itself was started
// with, which no step sees; the names of places are the machine's own.
func environment() []string {
	return append(os.Environ(), "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=/tmp",
		"TZ=UTC", "GWE_STATE_DIR="+stateDirectory, claim.Variable+"=", "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "NO_COLOR=1")
}

func tell(out io.Writer, r report) error { return json.NewEncoder(out).Encode(r) }

// outside puts the recipe's name for people in the place of its path on the machine, and those of its
// neighbours likewise.
func (r *report) outside(inside, shown string) {
	directory := filepath.Dir(shown) + "/"
	if directory == "./" {
		directory = ""
	}
	names := strings.NewReplacer(inside, shown, recipesPath+"/", directory)
	r.Log, r.Error, r.Hint = names.Replace(r.Log), names.Replace(r.Error), names.Replace(r.Hint)
	for i := range r.Others {
		r.Others[i] = names.Replace(r.Others[i])
	}
	for i := range r.Said {
		r.Said[i] = names.Replace(r.Said[i])
	}
}

// broken is the report of a test that could not be.
func broken(err error) report {
	r := report{Broken: err.Error()}
	if f := fault.As(err); f != nil {
		r.Hint = f.Hint
	}
	return r
}

// The machine's own places.
const (
	stateDirectory = "/var/lib/gwe"
	locksDirectory = "/run/gwe"
	inputsFile     = scratch.Directory + "/inputs.yaml"
	faultFile      = scratch.Directory + "/fault"
	eventsFile     = scratch.Directory + "/events"
	bootFile       = scratch.Directory + "/boot"
	commitFile     = scratch.Directory + "/commit"
	recipesPath    = scratch.Directory + "/recipes"
	pluginsPath    = scratch.Directory + "/plugins"
	// ownCopy is the end of a plugin directory's copy: root runs no plugin of others, and who is root outside
	// may be nobody inside.
	ownCopy      = "-copy"
	standInsPath = scratch.Directory + "/stand-ins"
	callsPath    = scratch.Directory + "/calls"
)

// hireStandIns puts programs in the place of others. Each is a script that writes down how it was called,
// prints its lines, and exits. A name without a slash comes first in PATH.
func hireStandIns(all []*schema.StandIn) error {
	for i, one := range all {
		if i == 0 {
			if err := errors.Join(os.MkdirAll(standInsPath, 0o755), os.MkdirAll(callsPath, 0o755), open(eventsFile)); err != nil {
				return err
			}
		}
		calls := callsOf(i)
		if err := open(calls); err != nil {
			return err
		}
		script := "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >>" + calls + "\n" +
			fmt.Sprintf(`printf '{"kind":"call","stand-in":%d,"process":"%%s"}\n' "$%s" >>%s`, i, process.PlaceVariable, eventsFile) + "\n"
		for _, line := range one.Prints {
			script += "printf '%s\\n' " + quoted(line) + "\n"
		}
		script += fmt.Sprintf("exit %d\n", one.Exit)
		program := fmt.Sprintf("%s/%d", standInsPath, i)
		if err := errors.Join(os.WriteFile(program, []byte(script), 0o600), os.Chmod(program, 0o755)); err != nil {
			return err
		}
		path := placeOf(one)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(program, path)); err != nil {
			return err
		}
	}
	return nil
}

// open makes an empty file to which any user may write: whoever calls a stand-in.
func open(path string) error {
	return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
}

// placeOf is where a stand-in is found: at its path, or first in PATH.
func placeOf(one *schema.StandIn) string {
	if strings.HasPrefix(one.Name.Text, "/") {
		return one.Name.Text
	}
	return "/usr/local/sbin/" + one.Name.Text
}

func callsOf(standIn int) string { return fmt.Sprintf("%s/%d", callsPath, standIn) }

// quoted is a text as a shell's word.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
