//go:build amd64

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/kept"
)

// moment is a system call of gwe, and what its journal had then.
type moment struct {
	trace.Point
	journal []byte
}

// has reports whether the journal had a record of a kind.
func (m moment) has(kind string) bool { return bytes.Contains(m.journal, []byte(`"kind":"`+kind+`"`)) }

// writes reports whether the call writes to the journal.
func (m moment) writes() bool { return m.Call == "write" && filepath.Base(m.Path) == "journal" }

// acts reports whether the call changes something but the files of the run. Most opens only look.
func (m moment) acts() bool { return m.Call != "open" && !strings.HasPrefix(m.Path, "state/") }

// choose carries the recipe out undisturbed, and chooses the calls before which gwe is killed: of each way
// that there is, by what the journal has at each call.
func (m maker) choose(ctx context.Context, sample kept.Sample) (ways map[kept.Way]string, err error) {
	forward, err := m.moments(ctx, sample, kept.Done)
	if err != nil {
		return nil, err
	}
	last := "result"
	if sample.Type == kept.Constructs {
		last = "committed"
	}
	within := func(one moment) bool { return one.has("intent") && !one.has(last) }
	ways = map[kept.Way]string{kept.Done: end(forward, func(one moment) bool { return one.has("result") && !one.has("committed") && one.writes() })}
	if ways[kept.Done] == "" {
		return nil, errors.New("no call wrote that the run is committed")
	}
	if !slices.ContainsFunc(forward, within) {
		return ways, nil // it only reads
	}
	ways[kept.Committed] = ""
	if ways[kept.Within] = middle(forward, within); ways[kept.Within] == "" || sample.Late {
		ways[kept.Within] = end(forward, func(one moment) bool { return within(one) && one.writes() })
	}
	if sample.Type != kept.Constructs {
		return ways, nil
	}
	delete(ways, kept.Done) // much as the suspended one
	ways[kept.Suspended] = ""
	for way, begun := range map[kept.Way]string{kept.Unwinding: "unwind", kept.Rollback: "rollback"} {
		back, err := m.moments(ctx, sample, way)
		if err != nil {
			return nil, err
		}
		ways[way] = middle(back, func(one moment) bool { return one.has(begun) && one.has("undone") })
		if ways[way] == "" {
			return nil, fmt.Errorf("no call to kill gwe at was found on the way %s", way)
		}
	}
	return ways, nil
}

// middle is the one in the middle of the calls that act.
func middle(all []moment, which func(moment) bool) string {
	all = slices.DeleteFunc(slices.Clone(all), func(one moment) bool { return !which(one) || !one.acts() })
	if len(all) == 0 {
		return ""
	}
	return all[len(all)/2].String()
}

// end is the last one.
func end(all []moment, which func(moment) bool) string {
	for _, one := range slices.Backward(all) {
		if which(one) {
			return one.String()
		}
	}
	return ""
}

// moments lists the calls of the gwe that is to be killed, in a run of a way.
func (m maker) moments(ctx context.Context, sample kept.Sample, way kept.Way) (all []moment, err error) {
	s := kept.At(m.gwe, sample.Type, way)
	if _, err := m.traced(ctx, sample, way, func(point trace.Point) trace.Action {
		all = append(all, moment{point, journalOf(s)})
		return trace.GoOn()
	}); err != nil {
		return nil, fmt.Errorf("undisturbed, %s: %w", way, err)
	}
	return all, nil
}

// journalOf is what a run has written so far; nothing before it has a journal.
func journalOf(s kept.Site) []byte {
	file, err := s.Journal()
	if err != nil {
		return nil
	}
	content, _ := os.ReadFile(file)
	return content
}
