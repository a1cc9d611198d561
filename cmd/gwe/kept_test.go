package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/steps"
)

// began are the first versions of types that came when what they share had a later one already.
var began = map[string]int{"download": 2}

// TestUndoDataIsKept: of each version of the undo data of each step type there are runs that every later gwe
// must undo, and of each format of the journal since 2 some with all constructs. The test of package
// scripts/kept undoes them.
func TestUndoDataIsKept(t *testing.T) {
	for _, one := range steps.Catalog() {
		first := max(1, began[one.About().Name])
		for version := first; version <= one.About().UndoVersion(); version++ {
			wantKept(t, one.About().Name, version, one.About().UndoVersion())
		}
	}
	for format := 2; format <= journal.Format; format++ {
		wantKept(t, "constructs", format, journal.Format)
	}
}

func wantKept(t *testing.T, name string, version, today int) {
	t.Helper()
	for _, ending := range []string{"txtar", "ext4.zst"} {
		file := filepath.Join("..", "..", "testdata", "kept", fmt.Sprintf("%s.%d.%s", name, version, ending))
		_, err := os.Stat(file)
		switch {
		case err != nil && version < today:
			t.Errorf("no run of %s, version %d, is kept, and today's gwe cannot make one: restore %s from the history of the project: %v",
				name, version, file, err)
		case err != nil:
			t.Errorf("no run of %s, version %d, is kept: make one with `go run ./scripts/kept/keep %s`, as root: %v", name, version, name, err)
		}
	}
}
