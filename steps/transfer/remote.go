package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// remotePlace is user@host:path, host::module/path or rsync://host/module/path, up to the first colon. A host
// that starts with a dash would be an option of ssh.
var remotePlace = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._+-]*@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%a-z]+\]):`)

func isRemote(place string) bool { return remotePlace.MatchString(place) }

// isSSH tells a place that ssh reaches from one that an rsync daemon serves.
func isSSH(place string) bool {
	host := remotePlace.FindString(place)
	return host != "" && !strings.HasPrefix(place[len(host):], ":") && !strings.HasPrefix(place, "rsync://")
}

// contents gives a place with a slash at its end: for rsync, that is what is in the directory.
func contents(place string) string {
	if strings.HasSuffix(place, ":") {
		return place + "./"
	}
	return strings.TrimRight(place, "/") + "/"
}

func noProgram(cause error) error {
	return fault.New(fault.Failed, "rsync-missing", "there is no rsync program, which a source or target on another machine needs").
		WithHint("install rsync 3.4.3 or newer").WithCause(cause)
}

// checkProgram refuses a program with known holes.
func (a arguments) checkProgram(ctx context.Context, run *step.Run) error {
	var said bytes.Buffer
	result, err := process.Run(ctx, process.Command{
		Arguments: []string{"rsync", "--version"}, Environment: append(process.BaseEnvironment(), run.Environment...),
		Stdout: &said, Started: run.Started,
	})
	if errors.Is(err, fs.ErrNotExist) {
		return noProgram(err)
	}
	if err == nil {
		err = result.Check("rsync")
	}
	if err != nil {
		return err
	}
	return a.checkVersion(said.String())
}

var versionLine = regexp.MustCompile(`rsync\s+version\s+v?(\d+)\.(\d+)\.(\d+)`)

func (a arguments) checkVersion(said string) error {
	if a.AllowOld {
		return nil
	}
	found := versionLine.FindStringSubmatch(said)
	if found == nil {
		line, _, _ := strings.Cut(said, "\n")
		return fault.New(fault.Refused, "rsync-version", "the rsync program does not tell its version: %q", line).
			WithHint("install rsync 3.4.3 or newer, or give allow-old-rsync: true if you are sure of it")
	}
	for i, least := range minimum {
		// A number too large for int counts as the largest one.
		if is, _ := strconv.Atoi(found[i+1]); is != least {
			if is > least {
				return nil
			}
			return fault.New(fault.Refused, "rsync-version", "rsync %s has known holes, which 3.4.3 closed", strings.Join(found[1:], ".")).
				WithHint("install rsync 3.4.3 or newer, or give allow-old-rsync: true if the distribution has patched this one")
		}
	}
	return nil
}

// options are those of both directions. Times are compared to the nanosecond, as between local directories.
func (a arguments) options() []string {
	options := []string{
		"rsync", "-aHAXS", "--secluded-args", "--modify-window=-1", "--info=progress2,stats2", "--outbuf=L",
	}
	for _, pattern := range durable.OwnPatterns() {
		options = append(options, "--exclude="+pattern)
	}
	if isSSH(a.Source) || isSSH(a.Target) {
		options = append(options, "--rsh="+a.shell())
	}
	if a.NumericIDs {
		options = append(options, "--numeric-ids")
	}
	if a.Checksum {
		options = append(options, "--checksum")
	}
	for _, pattern := range a.Include {
		options = append(options, "--include="+pattern)
	}
	for _, pattern := range a.Exclude {
		options = append(options, "--exclude="+pattern)
	}
	return options
}

// shell is the ssh that rsync starts. rsync splits it at blanks that are not within quotes, and takes two
// quotes for one there.
func (a arguments) shell() string {
	shell := "ssh -oBatchMode=yes"
	if a.SSHConfig != "" {
		shell += " -F '" + strings.ReplaceAll(string(a.SSHConfig), "'", "''") + "'"
	}
	return shell
}

// fetch copies the source into a hidden directory. What the target or link-dest has already becomes links
// there, and is not transferred.
//
// The program gets no path of ours to resolve: it starts in the hidden directory, and the others are
// descriptors of this process.
func (a arguments) fetch(ctx context.Context, run *step.Run, staged *staging) error {
	argv := a.options()
	if staged.site.target != nil {
		argv = append(argv, "--link-dest="+lent(staged.site.target))
	}
	for _, directory := range a.LinkDest {
		dir, err := openat.Open(string(directory))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return explain(err, "cannot open %s of link-dest", directory)
		}
		defer dir.Close()
		argv = append(argv, "--link-dest="+lent(dir))
	}
	_, err := a.start(ctx, run, staged.dir, append(argv, "--", contents(a.Source), fetched+"/"))
	return err
}

// lent is a path to an open directory for a program that this process starts.
func lent(dir *openat.Dir) string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), dir.Descriptor())
}

// push fills a target on another machine.
func (a arguments) push(ctx context.Context, run *step.Run) (outputs, error) {
	argv := a.options()
	if a.Delete {
		argv = append(argv, "--delete")
	}
	for _, directory := range a.LinkDest {
		argv = append(argv, "--link-dest="+string(directory))
	}
	run.Log.Info(a.Target + " is on another machine: this cannot be undone")
	source, err := openat.Open(a.Source)
	if err := noSource(a.Source, err); err != nil {
		return outputs{}, err
	}
	defer source.Close()
	said, err := a.start(ctx, run, source, append(argv, "--", "./", contents(a.Target)))
	return said.outputs(a.Target), err
}

// start runs the program in an open directory. Its lines and progress go to the log.
func (a arguments) start(ctx context.Context, run *step.Run, in *openat.Dir, argv []string) (statistics, error) {
	environment := append(process.BaseEnvironment(), run.Environment...)
	if !a.Password.IsZero() {
		environment = append(environment, "RSYNC_PASSWORD="+a.Password.Reveal())
	}
	said, reason := statistics{}, ""
	result, err := process.Run(ctx, process.Command{
		Arguments: argv, Directory: in.Path(), In: in, Environment: environment,
		Started: run.Started, Filter: run.Log.Filter,
		Output: func(stream, line string) {
			said.hear(line, run)
			if stream == "stderr" {
				reason = clearer(reason, line)
			}
		},
	})
	if err == nil {
		err = result.Check("rsync")
	}
	if err != nil && fault.ClassOf(err) == fault.Failed {
		hint := "see its last lines in the log"
		if (isSSH(a.Source) || isSSH(a.Target)) && slices.Contains(noConversation, result.ExitCode) {
			hint = "see that ssh reaches the other machine for the user under which gwe runs: address, key and known host; " + hint
		}
		if reason != "" {
			reason = ": " + reason
		}
		err = fault.New(fault.Failed, "rsync-failed", "rsync could not copy %s to %s%s", a.Source, a.Target, reason).
			WithHint("%s", hint).WithCause(err)
	}
	return said, err
}

// noConversation is how rsync ends where the two ends could not talk: 12 of rsync(1), 127 of a shell, 255 of
// ssh(1).
var noConversation = []int{12, 127, 255}

// clearer takes the line that tells best why the program fails: the last one of ssh or of the other machine;
// else the last one of rsync, but for its summary.
func clearer(reason, line string) string {
	line = strings.TrimSpace(line)
	own := strings.HasPrefix(line, "rsync")
	if line == "" || strings.HasPrefix(line, "rsync error:") || own && reason != "" && !strings.HasPrefix(reason, "rsync") {
		return reason
	}
	return line
}

// statistics are numbers of the program's last lines, by what stands before the colon.
type statistics map[string]int64

var (
	progressLine  = regexp.MustCompile(`^\s*[\d,.]+[KMGTP]?\s+(\d+)%\s`)
	statisticLine = regexp.MustCompile(`^([A-Z][a-z ]+): ([\d,]+)`)
)

// hear takes one line of the program.
func (s statistics) hear(line string, run *step.Run) {
	if found := progressLine.FindStringSubmatch(line); found != nil {
		percent, _ := strconv.ParseInt(found[1], 10, 64)
		run.Log.Progress(percent, 100, "%")
		return
	}
	if found := statisticLine.FindStringSubmatch(line); found != nil {
		s[found[1]], _ = strconv.ParseInt(strings.ReplaceAll(found[2], ",", ""), 10, 64)
	}
	if strings.TrimSpace(line) != "" {
		run.Log.Output(line)
	}
}

func (s statistics) outputs(target string) outputs {
	given := outputs{
		Path: value.Path(target), Copied: int(s["Number of regular files transferred"]), Deleted: int(s["Number of deleted files"]),
		Bytes: value.SizeOf(s["Total transferred file size"]),
	}
	given.Changed = given.Copied+given.Deleted+int(s["Number of created files"]) > 0
	return given
}
