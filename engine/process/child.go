package process

import (
	"crypto/rand"
	"os"
	"slices"
	"syscall"
	"time"
)

// Child is a program that Start has started.
type Child struct {
	running running
	family  tree
	begun   time.Time
}

// Start starts a program that takes this process's own part: it has the files as its descriptors, from 0 on,
// and this process's umask and control group. A nil file is nothing to read from, and nowhere to write to. Of
// the command count Arguments, Directory and Environment. As with Run it leads a session of its own, and ends
// with this process. Wait must follow.
func Start(command Command, files []*os.File) (*Child, error) {
	if err := command.check(); err != nil {
		return nil, err
	}
	dir, err := command.enter()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	mark := MarkVariable + "=" + rand.Text()
	command.Environment = merged(append(slices.Clone(command.Environment), mark))
	path, err := command.program()
	if err != nil {
		return nil, err
	}
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, explainStart(path, command, err)
	}
	defer nothing.Close()
	files = slices.Clone(files)
	for i := range files {
		if files[i] == nil {
			files[i] = nothing
		}
	}
	begun := time.Now()
	running, err := launch(path, command, dir, files, "", func() error { return nil })
	if err != nil {
		return nil, explainStart(path, command, err)
	}
	family := tree{root: running.process.Pid, marks: []string{mark}}
	if status, err := readStatus(family.root); err == nil { // it is not reaped yet
		family.since = status.start
	}
	return &Child{running, family, begun}, nil
}

// Exited is closed when the program has ended. What it started may live.
func (c *Child) Exited() <-chan struct{} { return c.running.exited }

// Signal sends to the program alone. It may be called until Wait.
func (c *Child) Signal(signal syscall.Signal) { _ = syscall.Kill(c.family.root, signal) }

// Kill ends the program and all that comes from it, without asking.
func (c *Child) Kill() error { return c.family.end(time.Nanosecond) }

// Wait waits for the end of the program.
func (c *Child) Wait() Result {
	<-c.running.exited
	result := Result{PID: c.family.root, Duration: time.Since(c.begun)}
	result.ExitCode, result.Signal = reap(c.running.process)
	return result
}
