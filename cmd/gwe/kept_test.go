package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps"
)

// TestUndoDataIsKept: of each version of the undo data of each step type there are runs that every later gwe must undo. The test of package
// testdata/kept undoes them.
func TestUndoDataIsKept(t *testing.T) {
	for _, one := range steps.Catalog() {
		about := one.About()
		for version := 1; version <= about.UndoVersion(); version++ {
			for _, ending := range []string{"txtar", "ext4.zst"} {
				file := filepath.Join("..", "..", "testdata", "kept", "runs", fmt.Sprintf("%s.%d.%s", about.Name, version, ending))
				_, err := os.Stat(file)
				switch {
				case err != nil && version < about.UndoVersion():
					t.Errorf("no run of %s with version %d of its undo data is kept, and today's gwe cannot make one: restore %s from the history of the project: %v",
						about.Name, version, file, err)
				case err != nil:
					t.Errorf("no run of %s with version %d of its undo data is kept: make one with `go run ./testdata/kept/keep %s`, as root: %v",
						about.Name, version, about.Name, err)
				}
			}
		}
	}
}
