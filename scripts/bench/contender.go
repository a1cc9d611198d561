package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// contender is one way to install a release.
type contender struct {
	name string
	// home is where its own file system is mounted, made anew in each round; the target lies in it.
	home string
	// command installs release 1 or 2, until all is on the disk.
	command func(version int) *exec.Cmd
	// prepare is carried out in a new home before release 1, and is not measured; nil is nothing.
	prepare func() error
	// fetched counts the bytes that were fetched over HTTP so far; nil where nothing is fetched.
	fetched func() int64

	disk     *disk
	measured [2][]measurement
}

// measurement is what one installation took.
type measurement struct {
	seconds, cpu     float64
	memory           int64 // KiB, of the largest process
	written, fetched int64
}

func (c *contender) target() string { return filepath.Join(c.home, "target") }

func must(steps ...[]string) error {
	for _, words := range steps {
		if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %v\n%s", words, err, output)
		}
	}
	return nil
}

// begin gives the contender its new home.
func (c *contender) begin(bytes int64, files int) (err error) {
	if c.disk, err = newDisk(c.home+".ext4", c.home, bytes, files); err != nil {
		return err
	}
	if err := os.MkdirAll(c.target(), 0o755); err != nil || c.prepare == nil {
		return err
	}
	return c.prepare()
}

// end takes the home away.
func (c *contender) end() error {
	err := c.disk.remove()
	c.disk = nil
	return err
}

// measure installs a release, with nothing of the one before still to be written.
func (c *contender) measure(version int) error {
	if err := exec.Command("sync", "-f", c.home).Run(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	before, err := c.counted()
	if err != nil {
		return err
	}
	command := c.command(version)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	peak, ended := make(chan int64), make(chan struct{})
	go func() { peak <- peakOf(command.Process.Pid, ended) }()
	err = command.Wait()
	m := measurement{seconds: time.Since(began).Seconds()}
	close(ended)
	m.memory = <-peak
	if err != nil {
		return fmt.Errorf("%s, release %d: %v\n%s", c.name, version, err, output.Bytes())
	}
	m.cpu = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	after, err := c.counted()
	if err != nil {
		return err
	}
	m.written, m.fetched = after.written-before.written, after.fetched-before.fetched
	c.measured[version-1] = append(c.measured[version-1], m)
	return nil
}

// counted is what was written and fetched so far.
func (c *contender) counted() (m measurement, err error) {
	if c.fetched != nil {
		m.fetched = c.fetched()
	}
	m.written, err = c.disk.written()
	return m, err
}
