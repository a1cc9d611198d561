//go:build amd64 || arm64

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

// boot switches the machine on until it is cut: after the last write or flush that it may make, the next one
// waits until QEMU is gone. The disk itself stays as it is: what comes to it goes to a copy, and to the log,
// so many entries.
func (m *machine) boot(ctx context.Context, number int, end cut) (reports []report, entries int, err error) {
	work, directory := filepath.Join(m.base, "work"), filepath.Join(m.base, "fuse")
	if err := errors.Join(copyImage(m.disk, work), os.MkdirAll(directory, 0o755)); err != nil {
		return nil, 0, err
	}
	recorder, stop, err := record(directory, work, m.log())
	if err != nil {
		return nil, 0, err
	}
	dark := recorder.dark
	defer func() { err = errors.Join(err, stop()) }()
	console := m.console()
	if err := os.Rename(console, console+".before"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	qemu := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(m.image, "kernel"), "-initrd", filepath.Join(m.image, "initrd"),
		"-append", fmt.Sprintf("console=ttyS0 quiet panic=-1 no_timer_check mitigations=off files=%s number=%d -- live", m.files, number),
		"-serial", "file:"+console, "-serial", "stdio",
		"-drive", "file="+filepath.Join(directory, "disk")+",format=raw,if=virtio,cache=writeback")
	qemu.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said, err := qemu.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	var complaints strings.Builder
	qemu.Stderr = &complaints
	if err := qemu.Start(); err != nil {
		recorder.release()
		return nil, 0, err
	}
	lines := make(chan report)
	go listen(said, lines)
	off := func() {
		_ = qemu.Process.Kill()
		recorder.release()
	}
	armed := false
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
			if one.Moment == end.behind && !armed {
				recorder.endBehind(end.writes)
				armed = true
			}
			if end.writes == 0 && one.Moment == recovered || one.Moment == broken {
				off()
			}
		case <-dark:
			dark = nil
			off()
		case <-ctx.Done():
			err = errStopped
			off()
			ctx = context.Background()
		case <-silence.C:
			err = fmt.Errorf("the machine was silent for %s; its console:\n%s", patience, m.tail())
			off()
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
	entries, countErr := recorder.count()
	return reports, entries, errors.Join(err, countErr)
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
