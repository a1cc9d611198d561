package command

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

// askLimit bounds one question about a service.
const askLimit = 2 * time.Second

// service is a service that a program of the recipe starts, and how its state is asked.
type service struct {
	name string
	ask  []string
}

// Report implements step.Reporter: the services that the program starts, with their states.
func (run) Report(ctx context.Context, _ step.Machine, arguments runArguments) []step.Report {
	return statesOf(ctx, arguments.services(starts))
}

// Check implements step.Checker: one try of the program. One that asks for the state of a service is told as
// that.
func (run) Check(ctx context.Context, about *step.Run, arguments runArguments) []step.Report {
	if asked := arguments.services(asks); len(asked) > 0 && arguments.Script == "" {
		return statesOf(ctx, asked)
	}
	told := step.Report{Kind: step.ReportHealth, Name: about.Step, State: "ok", Good: true}
	if _, err := arguments.carryOut(ctx, about, apart); err != nil {
		told.State, told.Good = err.Error(), false
	}
	return []step.Report{told}
}

// Check implements step.Checker: one try of the script, where there is one.
func (hook) Check(ctx context.Context, about *step.Run, arguments hookArguments) []step.Report {
	command, there, err := arguments.command(about)
	if err == nil && !there {
		return nil
	}
	if err == nil {
		apart(&command)
		var result process.Result
		if result, err = process.Run(ctx, command); err == nil {
			err = result.Check(arguments.Script)
		}
	}
	if err != nil {
		return []step.Report{{Kind: step.ReportHealth, Name: about.Step, State: err.Error()}}
	}
	return []step.Report{{Kind: step.ReportHealth, Name: about.Step, State: "ok", Good: true}}
}

// apart puts a shell between gwe and the program of a check: what ends its parent process does not end the
// gwe that asks, and what it leaves behind is ended.
func apart(command *process.Command) {
	command.KeepDaemons = false
	command.Arguments = append([]string{"/bin/sh", "-c", `"$@"; exit $?`, command.Arguments[0]}, command.Arguments...)
}

// starts are the verbs of service managers after which a service should run; asks are those that ask whether
// it does.
var (
	starts = []string{"start", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "condrestart", "force-reload"}
	asks   = []string{"is-active", "status"}
)

// services finds those that the program, or a line of the script, names with one of the verbs.
func (a runArguments) services(verbs []string) []service {
	commands := [][]string{a.Argv}
	for line := range strings.FieldsFuncSeq(a.Script, func(r rune) bool { return strings.ContainsRune("\n;&|(){}", r) }) {
		commands = append(commands, strings.Fields(line))
	}
	var found []service
	for _, command := range commands {
		for _, one := range servicesOf(command, verbs) {
			if !slices.ContainsFunc(found, func(known service) bool { return known.name == one.name }) {
				found = append(found, one)
			}
		}
	}
	return found
}

// servicesOf reads systemctl, service, rc-service and the scripts in /etc/init.d. What the shell would expand
// is not guessed.
func servicesOf(command, verbs []string) []service {
	for len(command) > 0 && (command[0] == "sudo" || command[0] == "exec" || strings.Contains(command[0], "=")) {
		command = command[1:]
	}
	if len(command) < 2 {
		return nil
	}
	words, own, known := serviceWords(command)
	if !known {
		return nil
	}
	program := filepath.Base(command[0])
	var found []service
	switch {
	case program == "systemctl" && len(words) > 1 && (slices.Contains(verbs, words[0]) || words[0] == "enable" && slices.Contains(command, "--now") && slices.Contains(verbs, "start")):
		for _, unit := range words[1:] {
			found = append(found, service{unit, slices.Concat([]string{command[0]}, own, []string{"is-active", unit})})
		}
	case (program == "service" || program == "rc-service") && len(words) == 2 && slices.Contains(verbs, words[1]):
		found = append(found, service{words[0], []string{command[0], words[0], "status"}})
	case filepath.Base(filepath.Dir(command[0])) == "init.d" && len(words) == 1 && slices.Contains(verbs, words[0]):
		found = append(found, service{program, []string{command[0], "status"}})
	}
	return found
}

// serviceWords are the words of a command besides its flags, and the flags that asking for a state needs too.
// They are not known if the shell would expand one, or if another machine is meant.
func serviceWords(command []string) (words, own []string, known bool) {
	for _, word := range command[1:] {
		word = strings.Trim(word, `"'`)
		switch {
		case word == "--user" || word == "--system":
			own = append(own, word)
		case strings.ContainsAny(word, "$`*?<>\\"):
			return nil, nil, false
		case strings.HasPrefix(word, "-H"), strings.HasPrefix(word, "-M"), strings.HasPrefix(word, "--host"), strings.HasPrefix(word, "--machine"), strings.HasPrefix(word, "--root"):
			return nil, nil, false // another machine's
		case !strings.HasPrefix(word, "-"):
			words = append(words, word)
		}
	}
	return words, own, true
}

func statesOf(ctx context.Context, services []service) []step.Report {
	var told []step.Report
	for _, one := range services {
		told = append(told, one.state(ctx))
	}
	return told
}

// state asks for the state. systemctl prints one word for it; of the others the exit code counts: 3 is
// stopped.
func (s service) state(ctx context.Context) step.Report {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var stdout bytes.Buffer
	answer := ""
	result, err := process.Run(ctx, process.Command{
		Arguments: s.ask, Directory: "/", Environment: process.BaseEnvironment(), Stdout: &stdout, Started: func(int) {},
		Output: func(_, line string) { answer = line },
	})
	told := step.Report{Kind: step.ReportProgram, Name: s.name, Good: err == nil && result.ExitCode == 0}
	state, _, _ := strings.Cut(strings.TrimSpace(stdout.String()), "\n")
	switch {
	case filepath.Base(s.ask[0]) == "systemctl" && state != "":
		told.State, told.Good = state, told.Good && state == "active"
	case err != nil:
		told.State = err.Error()
	case told.Good:
		told.State = "active"
	case result.ExitCode == 3:
		told.State = "inactive"
	default:
		told.State = result.Check(strings.Join(s.ask, " ")).Error()
		if answer != "" && fault.As(err) == nil {
			told.State += ": " + strings.TrimSpace(answer)
		}
	}
	return told
}
