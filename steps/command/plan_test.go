package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// A program that does not exist refuses the run before anything is changed, unless an earlier step may bring
// it.
func TestMissingProgramsAreForeseen(t *testing.T) {
	const program = "  - run: { argv: [\"DIR/bin/tool\"] }\n    undo: none\n"
	const waits = "  - wait-for: { command: [\"DIR/bin/tool\"], within: 1s }\n"
	const mkdir = "  - mkdir: { path: \"DIR/other\" }\n"
	const brings = "  - write: { path: \"DIR/bin/tool\", content: \"#!/bin/sh\\n\", mode: \"0755\" }\n"
	for name, test := range map[string]struct {
		steps string
		exit  int
	}{
		"no execute bit":            {mkdir + "  - run: { argv: [\"DIR/dull\"] }\n    undo: none\n", 6},
		"no execute bit, but chmod": {mkdir + "  - chmod: { path: \"DIR/dull\", mode: \"0755\" }\n  - run: { argv: [\"DIR/dull\"] }\n    undo: none\n", 0},
		"run":                       {program, 6},
		"run after a change":        {mkdir + program, 6},
		"run in dir":                {mkdir + "  - run: { argv: [bin/tool], dir: DIR }\n    undo: none\n", 6},
		"wait-for":                  {mkdir + waits, 6},
		"by name":                   {mkdir + "  - run: { argv: [no-such-tool] }\n    undo: none\n", 6},
		"by name in its own PATH":   {mkdir + "  - run: { argv: [sh, -c, \"exit 0\"], env: { PATH: /no/such } }\n    undo: none\n", 6},
		"an earlier step writes it": {brings + program + waits, 0},
		"an earlier program may":    {"  - run: { argv: [sh, -c, \"printf '#!/bin/sh\\n' > DIR/bin/tool; chmod 755 DIR/bin/tool\"] }\n    undo: none\n" + program, 0},
		"behind a link that moves":  {"  - symlink: { link: \"DIR/now\", to: bin }\n" + brings + "  - run: { argv: [\"DIR/now/tool\"] }\n    undo: none\n", 0},
		"it is there":               {"  - run: { argv: [sh, -c, \"exit 0\"] }\n    undo: none\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "dull"), []byte("#!/bin/sh\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			recipe := filepath.Join(t.TempDir(), "r.yaml")
			if err := os.WriteFile(recipe, []byte("gwe: 1\nname: r\nsteps:\n"+strings.ReplaceAll(test.steps, "DIR", dir)), 0o600); err != nil {
				t.Fatal(err)
			}
			result := recipetest.New(t, append(step.Catalog{}, steps.Catalog()...)).WantExit(test.exit, recipe, nil)
			if f := fault.As(result.Err); test.exit == 6 && (f == nil || f.Code != "process-not-found" && f.Code != "process-not-executable") {
				t.Errorf("refused with %v", result.Err)
			}
			if _, err := os.Stat(filepath.Join(dir, "other")); test.exit == 6 && err == nil {
				t.Error("something was changed")
			}
		})
	}
}
