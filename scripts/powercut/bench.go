//go:build amd64 || arm64

package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// bench is a machine just before a change, as an image that each trial begins with.
type bench struct {
	findings *gateway.Findings
	change   gateway.Change
	machine  *gateway.Gateway
	want     gateway.Ends
	// files is the file system's name; image the machine just before the change; work the one that a trial
	// breaks.
	files, image, work, directory string
	// takes is how long the undisturbed change takes; its records in the journal are those behind begun, up
	// to records.
	takes          time.Duration
	begun, records int
	// recorded are the writes and flushes of the change, where they were recorded.
	recorded []entry
}

// newBench makes the machine, and measures the change once.
func newBench(base string, vendor gateway.Vendor, program, files string, change gateway.Change) (*bench, error) {
	here := filepath.Join(base, files+"-"+strings.ReplaceAll(change.Name, " ", "-"))
	b := &bench{
		change: change, files: files,
		image: filepath.Join(here, "image"), work: filepath.Join(here, "work"), directory: filepath.Join(here, "disk"),
	}
	for _, directory := range []string{here, b.directory} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			return nil, err
		}
	}
	if err := makeImage(b.image, files); err != nil {
		return nil, err
	}
	if err := mount(b.image, b.directory); err != nil {
		return nil, err
	}
	b.findings = gateway.NewFindings(base)
	gateway.Within(func() {
		b.machine = gateway.NewAt(b.findings, vendor, program, b.directory)
		b.want = change.ArrangeOn(b.machine)
		change.Ready(b.machine)
		b.machine.KillAll()
		b.begun = b.written()
	})
	if err := unmount(b.directory); err != nil {
		return nil, err
	}
	if b.findings.Failed() {
		return nil, fmt.Errorf("making the machine before %s: %s", change.Name, strings.Join(b.findings.Violations, "\n"))
	}
	return b, b.trial(func() error {
		began := time.Now()
		b.machine.Gwe(nil, b.machine.Arguments(change)...)
		b.takes = time.Since(began)
		b.records = b.written()
		b.machine.KillAll()
		return nil
	})
}

// trial does something on a fresh machine, which is mounted.
func (b *bench) trial(do func() error) error {
	if err := copyImage(b.image, b.work); err != nil {
		return err
	}
	return b.on(b.work, do)
}

// on does something while an image, or a device, is mounted.
func (b *bench) on(image string, do func() error) (err error) {
	if err := mount(image, b.directory); err != nil {
		return err
	}
	gateway.Within(func() { err = do() })
	b.machine.KillAll()
	if unmountErr := unmount(b.directory); err == nil {
		err = unmountErr
	}
	return err
}

// judge lets gwe recover on an image, asks the oracle, and lets the next update through on every tenth
// machine.
func (b *bench) judge(image string, number int) (committed bool, err error) {
	err = b.on(image, func() error {
		committed = b.machine.Recovers(b.want)
		if !b.findings.Failed() && number%10 == 0 {
			b.machine.UpdatesNext()
		}
		return nil
	})
	return committed, err
}

// cut cuts the power at a random moment of the change.
func (b *bench) cut(random *rand.Rand) error {
	moment := time.Duration(random.Float64() * 1.1 * float64(b.takes))
	return b.cutWhen(func(<-chan struct{}) { time.Sleep(moment) })
}

// cutBehind cuts the power as soon as the journal of the change has that many records.
func (b *bench) cutBehind(records int) error {
	return b.cutWhen(func(ended <-chan struct{}) {
		for b.written() < records {
			select {
			case <-ended:
				return
			default:
			}
		}
	})
}

// cutWhen cuts the power during the change, when wait returns. The change may have ended by then.
func (b *bench) cutWhen(wait func(ended <-chan struct{})) error {
	return b.trial(func() error {
		command, end := b.machine.Start(nil, b.machine.Arguments(b.change)...)
		ended, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			gateway.Within(func() { end() })
			close(ended)
		}()
		wait(ended)
		err := cutPower(b.directory)
		_ = command.Process.Kill()
		<-done
		return err
	})
}

// written is how many records the newest journal has, if that is one of the change.
func (b *bench) written() int {
	runs, _ := filepath.Glob(filepath.Join(b.directory, "state/runs/*"))
	saved, _ := filepath.Glob(filepath.Join(b.directory, "saved/state/runs/*"))
	if len(runs) <= len(saved) {
		return 0
	}
	records, _ := journal.Read(filepath.Join(runs[len(runs)-1], "journal")) // a torn end is not an error
	return len(records)
}

// replay makes the disk again as it was after a number of entries.
func (b *bench) replay(count int) error {
	if err := copyImage(b.image, b.work); err != nil {
		return err
	}
	return apply(b.work, b.recorded[:count])
}

// reorder makes a disk on which, of the writes since the last flush before a random moment, a random part has
// come, in any order.
func (b *bench) reorder(random *rand.Rand) error {
	count := 1 + random.IntN(len(b.recorded))
	flushed := lastFlush(b.recorded[:count])
	if err := b.replay(flushed); err != nil {
		return err
	}
	var some []entry
	for _, one := range b.recorded[flushed:count] {
		if random.IntN(2) == 0 {
			some = append(some, one)
		}
	}
	random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return apply(b.work, some)
}

// record carries the change out on a disk that keeps its writes.
func (b *bench) record(base string) (err error) {
	if b.recorded != nil {
		return nil
	}
	directory, log := filepath.Join(base, "fuse-"+b.files+"-"+strings.ReplaceAll(b.change.Name, " ", "-")), b.image+".log"
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	if err := copyImage(b.image, b.work); err != nil {
		return err
	}
	recorder, end, err := record(directory, b.work, log)
	if err != nil {
		return err
	}
	defer func() {
		if endErr := end(); err == nil {
			err = endErr
		}
	}()
	device, detach, err := loop(directory)
	if err != nil {
		return err
	}
	var count int
	err = b.on(device, func() error {
		b.machine.Gwe(nil, b.machine.Arguments(b.change)...)
		b.machine.KillAll()
		count, err = recorder.count()
		return err
	})
	if err := detach(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	b.recorded, err = readLog(log, count)
	return err
}

// randomOf is the source of a trial's choices: the same name and seed choose the same.
func randomOf(seed uint64, name string) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// lastFlush is how many entries there are up to the last flush.
func lastFlush(entries []entry) (flushed int) {
	for i, one := range entries {
		if one.offset == flush {
			flushed = i + 1
		}
	}
	return flushed
}

// flushes counts those among the entries.
func flushes(entries []entry) int {
	return len(slices.DeleteFunc(slices.Clone(entries), func(one entry) bool { return one.offset != flush }))
}
