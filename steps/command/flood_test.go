package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// What a program writes costs the state directory no more than the bounds say, with all that the log and the
// journal add.
func TestFloods(t *testing.T) {
	for name, test := range map[string]struct {
		script    string
		truncated bool
		most      int64
	}{
		"short lines":       {"seq 1 300000; seq 1 300000 >&2", true, 4 << 20},
		"control bytes":     {`head -c 3000000 /dev/zero | tr '\000' '\001' | tee /dev/stderr`, true, 4 << 20},
		"what JSON escapes": {`head -c 3000000 /dev/zero | tr '\000' '"' | tee /dev/stderr`, true, 4 << 20},
		"not UTF-8":         {`yes "$(printf 'a\377b')" | head -c 3000000 | tee /dev/stderr`, true, 4 << 20},
		"a text that fits":  {`head -c 262144 /dev/zero | tr '\000' 'x' | tee /dev/stderr`, false, 2 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			bench := recipetest.New(t, step.Catalog{Run()})
			recipe := filepath.Join(t.TempDir(), "flood.yaml")
			text := "gwe: 1\nname: flood\nsteps:\n  - id: flood\n    run: { script: '" + strings.ReplaceAll(test.script, "'", "''") + "', max-output: 256KiB }\n    undo: none\n" +
				"outputs: { truncated: \"${{ steps.flood.truncated }}\", stdout: \"${{ len(steps.flood.stdout) }}\" }\n"
			if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			result := bench.WantExit(0, recipe, nil)
			if result.Outputs["truncated"] != test.truncated || result.Outputs["stdout"].(int) < 64<<10 {
				t.Errorf("outputs: %v", result.Outputs)
			}
			var size int64
			if err := filepath.WalkDir(bench.State, func(_ string, entry fs.DirEntry, err error) error {
				info, statErr := entry.Info()
				if err == nil && statErr == nil && info.Mode().IsRegular() {
					size += info.Size()
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if size > test.most {
				t.Errorf("the state directory has %d bytes, and %d are the most", size, test.most)
			}
		})
	}
}
