//go:build amd64 || arm64

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/scripts/gateway"
	"github.com/gwe-project/gwe/scripts/machine/boot"
)

// life is what the disk of a whole machine tells about it: where it was made and must be mounted again,
// because state and links hold absolute paths, and how each change may end. It is written before the first
// boot, and never again.
type life struct {
	Directory string
	Vendor    gateway.Vendor
	Wants     map[string]gateway.Ends
}

const (
	lifeFile = "life.json"
	// underWay is a file with the name of the change that gwe works on, or worked on last.
	underWay = "under-way"
)

// directoryOf is where a change has its gateway, on the machine's disk.
func directoryOf(directory string, change gateway.Change) string {
	return filepath.Join(directory, strings.ReplaceAll(change.Name, " ", "-"))
}

// report is a line that the machine says to the outside.
type report struct {
	// Moment tells what happened: the machine is up, or broken; a change begins, ended undisturbed, or was
	// recovered after a cut.
	Moment     moment
	Change     string
	New        bool
	Violations []string
	Said       []string
}

type moment string

const (
	up        moment = "up"
	begins    moment = "begins"
	ended     moment = "ended"
	recovered moment = "recovered"
	broken    moment = "broken"
)

// live is process 1 of a machine that loses its power again and again: it recovers, asks the oracle, and goes
// from change to change until the next cut.
func live() {
	err := lead()
	if out, openErr := os.OpenFile(line, os.O_WRONLY, 0); openErr == nil {
		say(out, report{Moment: broken, Violations: []string{fmt.Sprint(err)}})
	}
	fmt.Println("broken:", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// line is the serial line that the reports go over; the kernel's messages and gwe's go over the first one.
const line = "/dev/ttyS1"

// say returns when the report is outside, so that it is told there before anything that follows comes to the
// disk.
func say(out *os.File, what report) {
	text, err := json.Marshal(what)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err == nil {
		err = unix.IoctlSetInt(int(out.Fd()), unix.TCSBRK, 1)
	}
	if err != nil {
		fmt.Println("the report is lost:", err)
	}
}

func lead() error {
	if err := errors.Join(boot.Mount(), os.MkdirAll("/disk", 0o755), os.MkdirAll("/tmp", 0o777), os.Setenv("PATH", "/bin")); err != nil {
		return err
	}
	out, err := os.OpenFile(line, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	say(out, report{Moment: up})
	if err := unix.Mount("/dev/vda", "/disk", boot.Parameter("files"), 0, ""); err != nil {
		return fmt.Errorf("mounting the disk: %w", err)
	}
	text, err := os.ReadFile("/disk/" + lifeFile)
	if err != nil {
		return err
	}
	var here life
	if err := json.Unmarshal(text, &here); err != nil {
		return err
	}
	if err := os.MkdirAll(here.Directory, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("/disk", here.Directory, "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	number, err := strconv.Atoi(boot.Parameter("number"))
	if err != nil {
		return err
	}
	last, err := here.recover(out, number%10 == 9)
	if err != nil {
		return err
	}
	for ; ; number++ {
		// What a cut left is judged until the next change is under way: so that is another one.
		if change := gateway.Changes[number%len(gateway.Changes)]; change.Name != last {
			if err := here.carryOut(out, change); err != nil {
				return err
			}
			last = change.Name
		}
	}
}

// recover is what a boot begins with, and sometimes the next update.
func (l life) recover(out *os.File, updates bool) (name string, err error) {
	text, err := os.ReadFile(filepath.Join(l.Directory, underWay))
	if err != nil {
		return "", err
	}
	name, updated := strings.CutPrefix(string(text), next)
	at := slices.IndexFunc(gateway.Changes, func(c gateway.Change) bool { return c.Name == name })
	if at < 0 {
		return "", fmt.Errorf("no change is named %q", name)
	}
	what := report{Moment: recovered, Change: string(text)}
	findings := gateway.NewFindings("/tmp")
	machine := l.machine(findings, gateway.Changes[at])
	gateway.Within(func() {
		if !updated {
			what.New = machine.Recovers(l.Wants[name])
			return
		}
		machine.Withdraw()
		if e := machine.Gwe(nil, "recover"); e.Code != 0 {
			machine.Errorf("recovery ended with %d:\n%s", e.Code, e.Said)
		}
		machine.WantSettled()
	})
	what.Violations, what.Said = findings.Violations, findings.Notes
	say(out, what)
	if updated || !updates || findings.Failed() {
		return name, nil
	}
	if err := l.mark(next + name); err != nil {
		return name, err
	}
	gateway.Within(func() {
		machine.UpdatesNext()
		machine.KillAll()
	})
	say(out, report{Moment: ended, Change: next + name, Violations: findings.Violations, Said: findings.Notes})
	return name, nil
}

// next stands before a change after which another update is under way.
const next = "next update behind "

// mark makes durable what is under way.
func (l life) mark(what string) error {
	unix.Sync()
	return durable.WriteFile(filepath.Join(l.Directory, underWay), []byte(what), 0o644)
}

// carryOut makes a gateway ready, and lets gwe do a change. It is under way until the next one is.
func (l life) carryOut(out *os.File, change gateway.Change) error {
	findings := gateway.NewFindings("/tmp")
	machine := l.machine(findings, change)
	gateway.Within(func() {
		change.Ready(machine)
		machine.KillAll()
	})
	if findings.Failed() {
		return errors.New(strings.Join(findings.Violations, "\n"))
	}
	say(out, report{Moment: begins, Change: change.Name})
	if err := l.mark(change.Name); err != nil {
		return err
	}
	what := report{Moment: ended, Change: change.Name}
	gateway.Within(func() {
		code := 0
		if change.Fails {
			code = 3
		}
		began := time.Now()
		end := machine.Gwe(nil, machine.Arguments(change)...)
		if end.Code != code {
			machine.Errorf("the change ended with %d, not with %d:\n%s", end.Code, code, end.Said)
		}
		what.New = machine.WantOldOrNew(l.Wants[change.Name])
		machine.KillAll()
		fmt.Printf("%s ended with %d in %s\n", change.Name, end.Code, time.Since(began))
	})
	what.Violations, what.Said = findings.Violations, findings.Notes
	say(out, what)
	return nil
}

// machine is the gateway of a change.
func (l life) machine(findings *gateway.Findings, change gateway.Change) *gateway.Gateway {
	return &gateway.Gateway{Reporter: findings, Root: directoryOf(l.Directory, change), Vendor: l.Vendor, Program: "/gwe", Unplugged: true}
}
