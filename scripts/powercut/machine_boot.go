package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long a machine may be silent: it is emulated, and others may work here.
const patience = 10 * time.Minute

// boot switches the machine on, until its disk has seen so many writes and flushes; the next one waits until QEMU is gone. Where
// the limit is 0, it is on until it has recovered. The disk itself stays as it is: what comes to it goes to a copy, and to the log.
func (m *machine) boot(ctx context.Context, number, limit int) (reports []report, err error) {
	work, folder := filepath.Join(m.base, "work"), filepath.Join(m.base, "fuse")
	if err := errors.Join(copyImage(m.disk, work), os.MkdirAll(folder, 0o755)); err != nil {
		return nil, err
	}
	recorder, end, err := record(folder, work, m.log())
	if err != nil {
		return nil, err
	}
	dark := recorder.endAt(limit)
	defer func() { err = errors.Join(err, end()) }()
	console := m.console()
	if err := os.Rename(console, console+".before"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	qemu := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(m.image, "kernel"), "-initrd", filepath.Join(m.image, "initrd"),
		"-append", fmt.Sprintf("console=ttyS0 quiet panic=-1 no_timer_check mitigations=off files=%s number=%d -- live", m.files, number),
		"-serial", "file:"+console, "-serial", "stdio",
		"-drive", "file="+filepath.Join(folder, "disk")+",format=raw,if=virtio,cache=writeback")
	qemu.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said, err := qemu.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints strings.Builder
	qemu.Stderr = &complaints
	if err := qemu.Start(); err != nil {
		recorder.release()
		return nil, err
	}
	lines := make(chan report)
	go listen(said, lines)
	cut := func() {
		_ = qemu.Process.Kill()
		recorder.release()
	}
	silence := time.NewTimer(patience)
	defer silence.Stop()
	for lines != nil {
		select {
		case one, open := <-lines:
			if !open {
				lines = nil
				break
			}
			silence.Reset(patience)
			reports = append(reports, one)
			if limit == 0 && one.Moment == recovered || one.Moment == broken {
				cut()
			}
		case <-dark:
			dark = nil
			cut()
		case <-ctx.Done():
			err = errStopped
			cut()
			ctx = context.Background()
		case <-silence.C:
			err = fmt.Errorf("the machine was silent for %s; its console:\n%s", patience, m.tail())
			cut()
		}
	}
	recorder.release()
	waitErr := qemu.Wait()
	status, ok := qemu.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case err != nil || ok && status.Signal() == syscall.SIGKILL:
	case len(reports) == 0:
		err = fmt.Errorf("the machine did not come up: %v %s\n%s", waitErr, complaints.String(), m.tail())
	default:
		reports = append(reports, report{Moment: broken, Violations: []string{
			fmt.Sprintf("the machine went off by itself: %v %s\n%s", waitErr, complaints.String(), m.tail()),
		}})
	}
	return reports, err
}

// listen reads what the machine says until it is off. A line that the cut tore is none.
func listen(said io.Reader, lines chan<- report) {
	defer close(lines)
	all := bufio.NewScanner(said)
	all.Buffer(nil, 1<<24)
	for all.Scan() {
		var one report
		if json.Unmarshal(all.Bytes(), &one) == nil {
			lines <- one
		}
	}
}

func (m *machine) log() string     { return filepath.Join(m.base, "log") }
func (m *machine) console() string { return filepath.Join(m.base, "console") }

// tail is the end of what the kernel and gwe said.
func (m *machine) tail() string {
	text, err := os.ReadFile(m.console())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
