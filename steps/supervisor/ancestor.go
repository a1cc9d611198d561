package supervisor

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// ancestors gives the process ids of this process and of those it descends from.
func ancestors() map[int]bool {
	chain := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !chain[pid]; pid = parentOf(pid) {
		chain[pid] = true
	}
	return chain
}

// parentOf reads /proc/PID/stat, in which the name of the command may hold anything, blanks and parentheses
// too; 0 where the process is gone.
func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// spare refuses to end, or signal, the program under which gwe itself runs: the run would die with it, half
// done.
func (d *daemon) spare(programs []program) error {
	if !d.local {
		return nil
	}
	chain := ancestors()
	for _, p := range programs {
		if p.PID > 0 && chain[p.PID] {
			return fault.New(fault.Refused, "supervisor-own-program", "gwe itself runs under %s (pid %d), which this step would end", p.spec(), p.PID).
				WithHint("leave %s out, or start gwe outside of it: by systemd, or by another program of supervisord", p.spec())
		}
	}
	return nil
}

// pid is that of supervisord.
func (d *daemon) pid(ctx context.Context) (int, error) {
	answer, err := d.call(ctx, "ask for supervisord's pid", "getPID")
	pid, _ := answer.(int)
	return pid, err
}

// spareDaemon refuses to restart the supervisord under which gwe itself runs.
func (d *daemon) spareDaemon(ctx context.Context) error {
	if !d.local {
		return nil
	}
	pid, err := d.pid(ctx)
	if err != nil {
		return err
	}
	if pid > 1 && ancestors()[pid] {
		return fault.New(fault.Refused, "supervisor-own-daemon", "gwe itself runs under this supervisord (pid %d), and would end with it", pid).
			WithHint("start gwe outside of it, or restart single programs; action: update needs no restart of supervisord")
	}
	return nil
}
