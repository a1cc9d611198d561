//go:build amd64 || arm64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/scripts/gateway"
)

// machine is a whole one: Debian's kernel in QEMU without KVM, whose power goes while it goes from change to
// change. One disk is cut many times in a row; each boot recovers from what the cut before it left.
type machine struct {
	base, files string
	// fresh is the disk before the first boot, disk as the last cut left it; image holds the kernel and the
	// initrd.
	fresh, disk, image string
	// news are the changes that have ended, or were judged, since they began last, and whether the machine
	// was the new one then.
	news map[string]bool
}

// moments are those after which a machine is cut, and behind how many more writes and flushes at most: three
// times of four while gwe works on a change, else while the machine mounts its disk and recovers.
var moments = []cut{{begins, 200}, {begins, 200}, {begins, 200}, {up, 60}}

// cut is the end of a boot: so many writes and flushes after a moment. None is the end of the first
// recovery.
type cut struct {
	behind moment
	writes int
}

// machines is the campaign of whole machines, or the boot of one disk that an earlier one kept.
func machines(ctx context.Context, s settings, base, program string) (violations int, err error) {
	if s.only != "" || len(s.changes) > 0 {
		return 0, errors.New("no trial of a whole machine stands alone: each begins where the one before it ended")
	}
	image, err := makeMachineImage(base, program)
	if err != nil {
		return 0, err
	}
	if s.disk != "" {
		m := &machine{base: base, files: filepath.Base(s.disk), disk: s.disk, image: image}
		reports, _, err := m.boot(ctx, 0, cut{})
		for _, one := range reports {
			violations += len(one.Violations)
			if one.Moment != up {
				fmt.Println(strings.Join(append([]string{fmt.Sprintf("%s %s, new: %t", one.Change, one.Moment, one.New)}, append(one.Violations, one.Said...)...), "\n  "))
			}
		}
		return violations, err
	}
	results, err := openResults(s)
	if err != nil {
		return 0, err
	}
	defer results.close()
	for i, files := range s.files {
		cuts := (s.machines + len(s.files) - 1 - i) / len(s.files)
		m, err := newMachine(base, image, program, files)
		if err != nil {
			return 0, err
		}
		if err := m.try(ctx, s, results, cuts); err != nil && !errors.Is(err, errFound) {
			return 0, err
		}
	}
	return results.report(), nil
}

// newMachine makes a disk on which each change has its gateway, as it is before the change.
func newMachine(base, image, program, files string) (*machine, error) {
	here := filepath.Join(base, "machine-"+files)
	m := &machine{
		base: here, files: files, image: image,
		fresh: filepath.Join(here, "fresh"), disk: filepath.Join(here, "disk"),
	}
	directory := filepath.Join(here, "mounted")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	if err := errors.Join(makeImage(m.fresh, files), mount(m.fresh, directory)); err != nil {
		return nil, err
	}
	findings := gateway.NewFindings(directory)
	l := life{Directory: directory, Wants: map[string]gateway.Ends{}}
	gateway.Within(func() {
		l.Vendor = gateway.NewVendor(findings)
		for _, change := range gateway.Changes {
			g := l.machine(findings, change)
			g.Check(os.Mkdir(g.Root, 0o755))
			g = gateway.NewAt(findings, l.Vendor, program, g.Root)
			l.Wants[change.Name] = change.ArrangeOn(g)
			g.Restore()
			g.KillAll()
		}
	})
	text, err := json.Marshal(l)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(directory, lifeFile), text, 0o644), l.mark(gateway.Changes[0].Name))
	}
	if err := errors.Join(err, unmount(directory)); err != nil {
		return nil, err
	}
	if findings.Failed() {
		return nil, fmt.Errorf("making the machine's disk: %s", strings.Join(findings.Violations, "\n"))
	}
	return m, m.renew()
}

// renew gives the machine a fresh disk.
func (m *machine) renew() error {
	m.news = map[string]bool{}
	return copyImage(m.fresh, m.disk)
}

// try cuts the machine's power so many times. A cut counts when the oracle has judged what came of it, in the
// next boot or, where that one was cut before, in a later one.
func (m *machine) try(ctx context.Context, s settings, results *results, cuts int) error {
	var unjudged []string
	for number := 0; number < cuts || len(unjudged) > 0; number++ {
		name := fmt.Sprintf("machine/%s/%d", m.files, number)
		if len(unjudged) == 0 && results.has(name) {
			continue
		}
		random, end := randomOf(s.seed, name), cut{}
		if number < cuts { // else only the verdict is missing
			end = moments[random.IntN(len(moments))]
			end.writes = 1 + random.IntN(end.writes)
		}
		reports, entries, err := m.boot(ctx, number, end)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		violated := false
		for _, one := range reports {
			m.compare(&one)
			violated = len(one.Violations) > 0
			if violated && len(unjudged) == 0 { // undisturbed
				unjudged = append(unjudged, name)
			}
			if violated || one.Moment == recovered {
				if err := m.judged(s, results, unjudged, one); err != nil {
					return err
				}
				unjudged = nil
			}
			if violated {
				break
			}
		}
		switch {
		case violated && s.first:
			return errFound
		case violated:
			err = m.renew()
			number-- // unless it has its verdict, it is tried on the fresh disk
		case end.writes > 0:
			unjudged = append(unjudged, name)
			err = m.lose(random, entries)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judged keeps the verdict about cuts, which is the last one's where they are more than one.
func (m *machine) judged(s settings, results *results, cuts []string, one report) (err error) {
	_, over := m.news[one.Change]
	for i, name := range cuts {
		what := result{Name: name, Seed: s.seed, Change: one.Change, New: one.New}
		if i > 0 {
			what.Change += ", in its recovery"
		} else if over {
			what.Change += ", when it had ended"
		}
		if i == len(cuts)-1 && len(one.Violations) > 0 {
			what.Violations, what.Said = one.Violations, one.Said
			if what.Again, err = m.keep(s); err != nil {
				return err
			}
		}
		if err := results.add(what); err != nil {
			return err
		}
	}
	m.news[one.Change] = one.New // and so it must stay
	return nil
}

// compare holds a report against the ones before it: what gwe told to have ended, ended so, whatever happened
// since.
func (m *machine) compare(one *report) {
	switch one.Moment {
	case begins:
		delete(m.news, one.Change)
	case ended:
		m.news[one.Change] = one.New
	case recovered:
		if was, ok := m.news[one.Change]; ok && was != one.New {
			one.Violations = append(one.Violations, fmt.Sprintf("it had ended before the cut; the machine was new: %t; now it is: %t", was, one.New))
		}
	}
}

// lose makes the disk as it is after the cut: all that was flushed is there, and of what came since then,
// block by block, some.
func (m *machine) lose(random *rand.Rand, count int) error {
	entries, err := readLog(m.log(), count)
	if err != nil {
		return err
	}
	flushed := lastFlush(entries)
	chance := []float64{0, 0.5, 1}[random.IntN(3)]
	var kept []entry
	for _, one := range blocks(entries[flushed:]) {
		if random.Float64() < chance {
			kept = append(kept, one)
		}
	}
	return errors.Join(apply(m.disk, entries[:flushed]), apply(m.disk, kept))
}

// blocks are the parts of writes that a disk writes whole or not at all.
func blocks(entries []entry) (parts []entry) {
	const size = 4096
	for _, one := range entries {
		for one.offset != flush && len(one.data) > 0 {
			part := min(len(one.data), size-int(one.offset%size))
			parts = append(parts, entry{one.offset, one.data[:part]})
			one = entry{one.offset + uint64(part), one.data[part:]}
		}
	}
	return parts
}

// keep puts the disk that the last boot began with, and the console of it and the one before, where they
// stay.
func (m *machine) keep(s settings) (again string, err error) {
	directory, err := os.MkdirTemp("", "gwe-machine-")
	if err != nil {
		return "", err
	}
	disk := filepath.Join(directory, m.files)
	err = copyImage(m.disk, disk)
	for _, console := range []string{m.console(), m.console() + ".before"} {
		if _, missing := os.Stat(console); err == nil && missing == nil {
			err = copyImage(console, filepath.Join(directory, filepath.Base(console)))
		}
	}
	again = "go run ./scripts/powercut --disk " + disk
	if s.program != "" {
		again += " --gwe " + s.program
	}
	return again, err
}
