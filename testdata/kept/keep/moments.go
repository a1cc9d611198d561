package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/testdata/crash/trace"
	"github.com/gwe-project/gwe/testdata/kept"
)

// moments are the system calls before which gwe is killed.
type moments struct {
	// within is one between the step's intent and its result; "" for a step type that has no intent: it only reads.
	within string
	// done is the one that would write that the run is committed.
	done string
}

// moments carries the recipe out once, undisturbed, and chooses by what the journal has at each call.
func (m maker) moments(ctx context.Context, sample kept.Sample) (found moments, err error) {
	s := kept.At(m.gwe, sample.Type, kept.Done)
	var acting, ending []string // of the step, but for the files of the run; and what writes the journal then
	status, said, err := m.traced(ctx, sample, s, func(string) {}, func(point trace.Point) trace.Action {
		content := journalOf(s)
		has := func(kind string) bool { return bytes.Contains(content, []byte(`"kind":"`+kind+`"`)) }
		writes := point.Call == "write" && filepath.Base(point.Path) == "journal"
		switch {
		case has("result") && !has("committed") && writes:
			found.done = point.String()
		case has("intent") && !has("result") && writes:
			ending = append(ending, point.String())
		case has("intent") && !has("result") && point.Call != "open" && !strings.HasPrefix(point.Path, "state/"): // of opens most only look
			acting = append(acting, point.String())
		}
		return trace.GoOn()
	})
	switch {
	case err != nil:
		return found, err
	case status.ExitStatus() != 0:
		return found, fmt.Errorf("undisturbed, it ended with %d\n%s", status, said)
	case found.done == "":
		return found, fmt.Errorf("no call wrote that it is committed\n%s", said)
	}
	if len(ending) > 0 {
		found.within = ending[len(ending)-1]
	}
	if len(acting) > 0 && !sample.Late {
		found.within = acting[len(acting)/2]
	}
	return found, nil
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
