package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Conf is the step type supervisor-conf.
func Conf() step.Type {
	return step.New(step.About{
		Name:     "supervisor-conf",
		Summary:  "Make an app's supervisor.conf a program of supervisord",
		Doc:      confDoc,
		Example:  "supervisor-conf: { app: counter, from: /opt/counter/supervisor.conf }\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "into"}},
		Undo:     "puts the old file back, and the program to work that it describes",
		UndoData: placement.UndoData,
	}, conf{})
}

const confDoc = `The app's file has exactly one section, [supervisord]. It becomes [program:APP] in INTO/APP.conf, written all or nothing. The
app's own options come first; those it leaves open get these values: stdout_logfile=/var/log/APP.log, redirect_stderr=true,
stdout_logfile_maxbytes=200KB, stdout_logfile_backups=1, and command=command, a placeholder that fails.

A second section, an option that is given twice, control characters, and names that could be a path or mean something
to supervisord are refused. A file that is already as wanted is not touched.

The step only writes the file: action: update of the step supervisor, in a step after it, puts it to work.

Undo gives back the very file that was there, or removes the new one. Last, when everything older was undone, supervisord reads its
files again: the app's group gets its old configuration back, and its programs their old states; a group that was not there is removed
at once. Where no supervisord
could be reached when the step began, the undo is for the file alone. A file that somebody else has
changed since is left alone, and the undo fails.`

type confArguments struct {
	App        string         `name:"app" required:"true" help:"the program's name, and the file's"`
	From       value.Path     `name:"from" required:"true" help:"the app's supervisor.conf"`
	Into       value.Path     `name:"into" default:"/etc/supervisor/conf.d" help:"the directory that supervisord's [include] names"`
	Server     value.URL      `name:"server" default:"unix:///var/run/supervisor.sock" pattern:"(unix:///|https?://).+" help:"unix:///SOCKET or http://HOST:PORT/RPC2, for the undo"`
	Username   string         `name:"username" help:"as supervisord's [unix_http_server] or [inet_http_server] has it"`
	Password   value.Secret   `name:"password" help:"the password that goes with it"`
	Wait       value.Duration `name:"wait" default:"60s" help:"without effect: the undo waits for the program's state as long as undo-timeout allows"`
	RPCTimeout value.Duration `name:"rpc-timeout" default:"60s" help:"how long one call may take, in an undo a minute at least"`
	Attempts   int            `name:"attempts" default:"3" min:"1" max:"100" help:"how often a call is tried while supervisord cannot be reached, 1 to 100; in an undo for two minutes at least"`
}

// confMemo is what the undo needs.
type confMemo struct {
	File confFile `json:"file"`
	// Reached tells that there was a daemon, which had what Before shows.
	Reached bool    `json:"reached"`
	Before  picture `json:"before,omitzero"`
}

type confOutputs struct {
	Path    value.Path `name:"path" help:"the file"`
	Changed bool       `name:"changed" help:"whether the file was not as wanted already"`
}

type conf struct{}

// largestConf bounds an app's supervisor.conf.
const largestConf = 1 << 20

func (a confArguments) open() (*daemon, error) {
	return connection{server: a.Server, username: a.Username, password: a.Password, limit: a.RPCTimeout, attempts: a.Attempts}.open()
}

// wanted gives the file that is wanted and its content.
func (a confArguments) wanted(machine step.Machine) (path string, content []byte, err error) {
	if err := checkApp(a.App); err != nil {
		return "", nil, err
	}
	path = filepath.Join(string(a.Into), a.App+".conf")
	if directory, err := machine.Stat(string(a.Into)); err != nil || !directory.IsDir() {
		return path, nil, fault.New(fault.Failed, "supervisor-conf-no-directory", "there is no directory %s for the file", a.Into).
			WithHint("is supervisord installed? its supervisord.conf names the directory in [include]").WithCause(err)
	}
	options, err := a.read(machine)
	if err != nil {
		return path, nil, err
	}
	return path, render(a.App, options), nil
}

func notAFile(path string) error {
	return fault.New(fault.Refused, "supervisor-conf-not-a-file", "%s is not a regular file", path).
		WithHint("remove what is there in a step before")
}

func (a confArguments) read(machine step.Machine) ([]option, error) {
	file, err := machine.Open(string(a.From))
	if err != nil {
		return nil, unreadableConf(a.From, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, unreadableConf(a.From, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, largestConf+1))
	if err == nil && len(text) > largestConf {
		err = errors.New("it is larger than 1 MiB")
	}
	if err != nil {
		return nil, unreadableConf(a.From, err)
	}
	return parseConf(text)
}

func unreadableConf(path value.Path, err error) error {
	return fault.New(fault.Failed, "supervisor-conf-unreadable", "%s cannot be read", path).
		WithHint("from names the app's own supervisor.conf; an app that is not supervised has none").WithCause(err)
}

func (conf) Plan(_ context.Context, machine step.Machine, arguments confArguments) (step.Plan, error) {
	if _, err := arguments.open(); err != nil {
		return step.Plan{}, err
	}
	path, content, err := arguments.wanted(machine)
	if err != nil {
		return step.Plan{}, err
	}
	info, err := placement.Lstat(machine, path)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = notAFile(path)
	}
	exists, satisfied := info != nil, false
	if err == nil && exists {
		satisfied, err = has(machine, path, content)
	}
	if err != nil {
		return step.Plan{}, err
	}
	outputs := map[string]any{"path": path, "changed": !satisfied}
	if satisfied {
		return step.Plan{Do: []string{path + " is as wanted"}, Nothing: true, Outputs: outputs}, nil
	}
	back := "remove " + path
	if exists {
		back = "put the old " + path + " back"
	}
	return step.Plan{
		Do:      []string{fmt.Sprintf("write %s: the program %s", path, arguments.App)},
		Undo:    []string{back + ", and let supervisord act on it"},
		Space:   map[string]int64{string(arguments.Into): int64(len(content))},
		Writes:  int64(len(content)),
		Outputs: outputs,
	}, nil
}

func (conf) Prepare(ctx context.Context, run *step.Run, arguments confArguments) (confMemo, error) {
	d, err := arguments.open()
	if err != nil {
		return confMemo{}, err
	}
	path, content, err := arguments.wanted(run.Machine)
	if err != nil {
		return confMemo{}, err
	}
	looking := placement.Looking(run)
	info, err := placement.Lstat(looking, path)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = notAFile(path)
	}
	if err != nil {
		return confMemo{}, err
	}
	memo := confMemo{File: confFile{Digest: digestOf(content)}}
	if satisfied, err := has(looking, path, content); err != nil || satisfied {
		return confMemo{File: confFile{Placement: placement.Placement{Path: path}}}, err
	}
	if memo.File.Placement, err = placement.New(path, run, info); err != nil {
		return confMemo{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	groups := []string{arguments.App}
	memo.Before, err = d.take(ctx, run, groups)
	switch {
	case err == nil:
		memo.Reached = true
		memo.Before.keep(d, run, groups)
	case isAbsent(err):
		// The app may be installed before there is a daemon.
		run.Log.Info("no supervisord answers at " + d.shown + ": an undo is for the file alone")
	default:
		return memo, err
	}
	return memo, nil
}

// has reports whether the file at path has that content.
func has(machine step.Machine, path string, content []byte) (bool, error) {
	found, err := machine.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && bytes.Equal(found, content), durable.Explain(err, "cannot read %s", path)
}

func (conf) Do(ctx context.Context, run *step.Run, arguments confArguments, memo confMemo) (confOutputs, error) {
	outputs := confOutputs{Path: value.Path(memo.File.Path), Changed: memo.File.New != ""}
	if err := ctx.Err(); err != nil || memo.File.New == "" {
		return outputs, err
	}
	_, content, err := arguments.wanted(run.Machine)
	if err != nil {
		return outputs, err
	}
	if digestOf(content) != memo.File.Digest {
		return outputs, fault.New(fault.Failed, "supervisor-conf-unstable", "%s changed while the step began", arguments.From).
			WithHint("see what else writes it, then run again")
	}
	if err := touch(run, []string{arguments.App}); err != nil {
		return outputs, err
	}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	return outputs, memo.File.place(ctx, run, content)
}

// Sync has nothing left to do: the note, content and names were made durable in their order.
func (conf) Sync(context.Context, *step.Run, confArguments, confMemo) error { return nil }

func (conf) Undo(ctx context.Context, run *step.Run, arguments confArguments, memo confMemo) error {
	if err := memo.File.undo(ctx, run); err != nil {
		return err
	}
	if !memo.Reached {
		return untouch(run)
	}
	return undoing(ctx, run, arguments.open, memo.Before, false, restoration.halt)
}

// OwesLast implements step.LastUndoer.
func (conf) OwesLast(_ confArguments, memo confMemo) bool { return memo.Reached }

// UndoLast implements step.LastUndoer: supervisord reads the old file again, when what the program runs is
// back too.
func (conf) UndoLast(ctx context.Context, run *step.Run, arguments confArguments, memo confMemo) error {
	return undoing(ctx, run, arguments.open, memo.Before, true, func(r restoration, ctx context.Context) error {
		r.before.Kept = r.givenBack(run)
		return r.restore(ctx)
	})
}

// UndoEarly puts the file back: supervisord reads it when it starts. Undo sees then that the program is in
// its old state.
func (conf) UndoEarly(ctx context.Context, run *step.Run, _ confArguments, memo confMemo) (rest bool, err error) {
	groups, err := touched(run)
	if err != nil {
		return false, err
	}
	if err := memo.File.undo(ctx, run); err != nil {
		return false, err
	}
	if len(groups) > 0 && memo.Reached {
		return true, nil
	}
	return false, untouch(run)
}

// Inspect refuses a rollback where somebody changed the file since.
func (conf) Inspect(_ context.Context, run *step.Run, _ confArguments, memo confMemo) error {
	return memo.File.inspect(run)
}

func (conf) Leases(_ confArguments, memo confMemo) []string {
	return append(slices.Clone(memo.Before.Keeps), memo.File.Leases()...)
}

func (conf) Release(_ context.Context, run *step.Run, _ confArguments, memo confMemo) error {
	return memo.File.Release(run)
}
