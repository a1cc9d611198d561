package recipetest

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/journal"
)

// WantNothingHidden fails the test where a directory has a hidden name of gwe's, but for those that the undo
// of a run needs which can still be rolled back.
func (b *Bench) WantNothingHidden(directory string) {
	b.Helper()
	names, _ := filepath.Glob(filepath.Join(directory, durable.Prefix+"*"))
	for _, name := range names {
		if !b.needed(filepath.Base(name)) && filepath.Base(name) != durable.Releases {
			b.Errorf("left behind: %s", name)
		}
	}
}

func (b *Bench) needed(name string) bool {
	runs, _ := filepath.Glob(filepath.Join(b.State, "runs", "*"))
	return slices.ContainsFunc(runs, func(run string) bool {
		if !strings.HasPrefix(name, durable.Prefix+"old-"+filepath.Base(run)+"-") {
			return false
		}
		records, _ := journal.Read(filepath.Join(run, "journal"))
		has := func(kind string) bool {
			return slices.ContainsFunc(records, func(r journal.Record) bool { return r.Kind == kind })
		}
		return has("committed") && !has("released") && !has("rollback")
	})
}
