package check

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// WaitFor is the step type wait-for.
func WaitFor() step.Type {
	return step.New(step.About{
		Name:    "wait-for",
		Summary: "Wait until a port, a URL, a file or a command says that it is ready",
		Doc:     waitForDoc,
		Example: "wait-for: { http: \"http://127.0.0.1:8080/health\", within: 2m }\n",
		Choices: []step.Choice{{Names: []string{"tcp", "http", "file", "command"}}},
	}, waitFor{})
}

const waitForDoc = `Exactly one of tcp, http, file and command is given. It is tried at once, and then after every interval, until it is so or the
time of within is over: then the step fails with the last reason. One try takes at most 10 seconds.

tcp is an address that must accept a connection. http is a URL that must answer with one of the codes in status, or with any of 200
to 299 where that is left out. Redirects are followed on the same host only. Nothing is sent but a GET, certificates are checked, no proxy is
asked, and of the answer only the head is read.

file is a path where something must be (state: present) or nothing (state: absent); a symbolic link counts by itself. command is a
program and its arguments, as in run, that must exit with 0. A program that cannot be run at all (it does not exist, has no execute bit
or no interpreter) fails the step at once, without another try. It runs in / with the same environment, and should only look: what
it changes is not undone.`

const (
	// longestTry bounds one try.
	longestTry = 10 * time.Second
	// defaultWithin is how long to wait where the recipe does not say, and defaultUndo the same in an undo
	// that nothing else bounds.
	defaultWithin = time.Minute
	defaultUndo   = 10 * time.Minute
)

type waitFor struct{}

// waitForArguments are what a recipe gives.
type waitForArguments struct {
	TCP      string          `name:"tcp" pattern:".+:[0-9]+" help:"host:port that must accept a connection"`
	HTTP     value.URL       `name:"http" pattern:"https?://.+" help:"URL that must answer, http or https"`
	Status   []int           `name:"status" with:"http" help:"the status codes that are right for http; 200 to 299 where it is left out"`
	File     value.Path      `name:"file" help:"path where something must be, or nothing"`
	State    string          `name:"state" with:"file" enum:"present,absent" default:"present" help:"whether the file must be there or not"`
	Command  []string        `name:"command" help:"program and arguments that must exit with 0"`
	Interval value.Duration  `name:"interval" default:"1s" help:"the pause between two tries"`
	Within   *value.Duration `name:"within" help:"how long to wait in all: 1m where it is not given, and as long as undo-timeout allows where the step stands in an undo"`
}

// NeedsServices implements step.ServiceUser: what it waits for is the doing of others, and none of them runs
// before the services.
func (waitFor) NeedsServices(waitForArguments) bool { return true }

// waitForOutputs are what later steps may read.
type waitForOutputs struct {
	Tries int `name:"tries" help:"how often it was tried"`
}

// attempt is one try; its error is the reason why it is not so yet.
type attempt func(ctx context.Context, run *step.Run) error

// resolve gives what to try, and how to call it.
func (a waitForArguments) resolve() (name string, try attempt, err error) {
	given := 0
	for _, there := range []bool{a.TCP != "", a.HTTP != "", a.File != "", len(a.Command) > 0} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return "", nil, fault.New(fault.Refused, "wait-for-ambiguous", "wait-for has %d of tcp, http, file and command", given).
			WithHint("give exactly one")
	case a.Interval.Std() <= 0 || a.Within != nil && a.Within.Std() <= 0:
		return "", nil, fault.New(fault.Refused, "wait-for-invalid", "interval and within are more than nothing").
			WithHint("write interval: 1s, within: 1m")
	case len(a.Status) > 0 && a.HTTP == "":
		return "", nil, fault.New(fault.Refused, "wait-for-invalid", "only http has a status").WithHint("leave status out")
	case a.State == "absent" && a.File == "":
		return "", nil, fault.New(fault.Refused, "wait-for-invalid", "only a file has a state").WithHint("leave state out")
	case a.TCP != "":
		return "tcp " + a.TCP, a.tcp, checkAddress(a.TCP)
	case a.HTTP != "":
		return a.web()
	case a.File != "":
		return "file " + string(a.File), a.file, nil
	case a.Command[0] == "":
		return "", nil, fault.New(fault.Refused, "wait-for-invalid", "the first element of command, the program, is empty").
			WithHint("write command: [PROGRAM, ARGUMENT, ...]")
	}
	return "command " + strings.Join(strings.Fields(strings.Join(a.Command, " ")), " "), a.run, nil
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.Atoi(port)
	if err != nil || host == "" || portErr != nil || number < 1 || number > 65535 {
		return fault.New(fault.Refused, "wait-for-invalid", "%q is not an address", address).
			WithHint("write host:port: 127.0.0.1:8080, or [::1]:8080")
	}
	return nil
}

func (a waitForArguments) web() (string, attempt, error) {
	parsed, err := url.Parse(string(a.HTTP))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return "", nil, fault.New(fault.Refused, "wait-for-invalid", "http wants a URL with http or https").
			WithHint("write http://127.0.0.1:8080/health, for example")
	}
	for _, code := range a.Status {
		if code < 100 || code > 599 {
			return "", nil, fault.New(fault.Refused, "wait-for-invalid", "%d is not a status code", code).WithHint("they are 100 to 599")
		}
	}
	return parsed.Redacted(), a.answers, nil
}

func (waitFor) Plan(_ context.Context, machine step.Machine, arguments waitForArguments) (step.Plan, error) {
	name, _, err := arguments.resolve()
	if err != nil {
		return step.Plan{}, err
	}
	wanted := map[bool]string{true: "is gone", false: "is there"}[arguments.State == "absent"]
	switch {
	case arguments.HTTP != "":
		wanted = "answers"
	case arguments.TCP != "":
		wanted = "accepts a connection"
	case len(arguments.Command) > 0:
		wanted = "exits with 0"
	}
	planned := step.Plan{Do: []string{fmt.Sprintf("wait until %s %s, %s at most", name, wanted, arguments.within())}}
	if len(arguments.Command) > 0 {
		err = step.MissingProgram(machine, arguments.Command[0], "/", process.SearchPath(process.BaseEnvironment()))
	}
	return planned, err
}

// within is how long to wait.
func (a waitForArguments) within() value.Duration {
	if a.Within != nil {
		return *a.Within
	}
	return value.DurationOf(defaultWithin)
}

// withinUndo is within in an undo: giving up there means that a person is needed, so it waits as long as the
// undo may take.
func (a waitForArguments) withinUndo(ctx context.Context) value.Duration {
	if a.Within != nil {
		return *a.Within
	}
	limit := defaultUndo
	if end, bounded := ctx.Deadline(); bounded {
		limit = max(defaultWithin, time.Until(end).Round(time.Second)-time.Second)
	}
	return value.DurationOf(limit)
}

// Prepare refuses early what could never be so.
func (waitFor) Prepare(_ context.Context, _ *step.Run, arguments waitForArguments) (step.Nothing, error) {
	_, _, err := arguments.resolve()
	return step.Nothing{}, err
}

func (waitFor) Do(ctx context.Context, run *step.Run, arguments waitForArguments, _ step.Nothing) (waitForOutputs, error) {
	name, try, err := arguments.resolve()
	if err != nil {
		return waitForOutputs{}, err
	}
	within := arguments.within()
	if run.Recovering {
		within = arguments.withinUndo(ctx)
	}
	run.Log.Limit("within", within.Std())
	limited, cancel := pace.WithTimeout(ctx, within.Std(), nil)
	defer cancel()
	outputs := waitForOutputs{}
	var last error
	for {
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		outputs.Tries++
		reason := once(limited, run, try)
		if reason == nil {
			return outputs, nil
		}
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		if fault.IsPermanent(reason) {
			return outputs, reason
		}
		// A try that the end of the time cut short says less than the one before.
		if last == nil || limited.Err() == nil {
			if last == nil || last.Error() != reason.Error() {
				run.Log.Info("not yet: " + reason.Error())
			}
			last = reason
		}
		if pace.Sleep(limited, arguments.Interval.Std()) != nil && ctx.Err() == nil {
			return outputs, fault.New(fault.Failed, "wait-for-timeout", "%s was not ready within %s", name, within).
				WithHint("see what it says itself; write within: for a longer time").WithCause(last)
		}
	}
}

func once(ctx context.Context, run *step.Run, try attempt) error {
	ctx, cancel := context.WithTimeout(ctx, longestTry)
	defer cancel()
	return try(ctx, run)
}

// Sync is for the command alone: all else writes nothing.
func (waitFor) Sync(_ context.Context, _ *step.Run, arguments waitForArguments, _ step.Nothing) error {
	if len(arguments.Command) == 0 {
		return nil
	}
	return durable.SyncFileSystems("/")
}

func (waitFor) Undo(context.Context, *step.Run, waitForArguments, step.Nothing) error { return nil }
