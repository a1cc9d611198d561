package supervisor

import (
	"errors"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// The codes of supervisord's faults that are told apart here.
const (
	faultShutdownState  = 6
	faultBadName        = 10
	faultAlreadyStarted = 60
	faultNotRunning     = 70
	faultNoFile         = 20
	faultNotExecutable  = 21
	faultSpawnError     = 50
	faultAlreadyAdded   = 90
	faultCantReread     = 92
)

// namedFault is a fault of supervisord's by its name, and what to do about it.
type namedFault struct{ name, hint string }

var namedFaults = map[int]namedFault{
	1:                   {"unknown-method", "this supervisord is too old, or has no [rpcinterface:supervisor]"},
	2:                   {"incorrect-parameters", "this supervisord has another API than 3.0"},
	3:                   {"bad-arguments", "this supervisord has another API than 3.0"},
	4:                   {"signature-unsupported", "this supervisord has another API than 3.0"},
	faultShutdownState:  {"shutdown-state", "supervisord is shutting down or restarting: wait, then run again"},
	faultBadName:        {"bad-name", "see which programs there are: supervisorctl status"},
	11:                  {"bad-signal", "name a signal as kill -l does: HUP, USR1"},
	faultNoFile:         {"no-file", "the program's command names a file that is not there"},
	faultNotExecutable:  {"not-executable", "set the execute bit of the file that the program's command names"},
	30:                  {"failed", "see supervisord's own log"},
	40:                  {"abnormal-termination", "see the program's log: supervisorctl tail NAME"},
	faultSpawnError:     {"spawn-error", "see supervisord's own log, and the program's command, user and directory"},
	faultAlreadyStarted: {"already-started", ""},
	faultNotRunning:     {"not-running", "start the program in a step before"},
	faultAlreadyAdded:   {"already-added", ""},
	91:                  {"still-running", "stop the programs of the group first"},
	faultCantReread:     {"cant-reread", "put right what it names in the configuration files: nothing was changed"},
}

// faulted tells what supervisord answered: its code is "supervisor-" and the fault's own name.
func faulted(told *rpcFault, what string) error {
	known, ok := namedFaults[told.code]
	if !ok {
		known = namedFault{"fault", "see supervisord's own log"}
	}
	text := strings.Join(strings.Fields(told.text), " ")
	return fault.New(fault.Failed, "supervisor-"+known.name, "%s: supervisord answers %s", what, text).
		WithHint("%s", known.hint).WithCause(&answered{told})
}

// answered keeps supervisord's own fault in the chain without saying it twice.
type answered struct{ fault *rpcFault }

func (a *answered) Error() string { return "fault " + strings.SplitN(a.fault.text, ":", 2)[0] }

// isFault reports whether the error is the fault of supervisord's with that code.
func isFault(err error, code int) bool {
	var told *answered
	return errors.As(err, &told) && told.fault.code == code
}
