package engine_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps"
)

// TestLoadOfMany: a recipe of ten times the steps takes ten times the memory to compile, also where steps
// read earlier ones, stand in groups, or have an undo of their own. A list that is copied at each step would
// take a hundred times.
func TestLoadOfMany(t *testing.T) {
	for name, step := range map[string]string{
		"ids that are read": "  - id: s_%[1]d\n    read-link: /proc/self/exe\n  - assert: { that: \"${{ steps.s_%[1]d.found }}\", message: never }\n",
		"an undo":           "  - id: s_%[1]d\n    mkdir: /nowhere/%[1]d\n    undo:\n      - assert: { that: \"${{ error.code != '' }}\", message: never }\n",
		"groups":            "  - steps:\n      - id: s_%[1]d\n        read-link: /proc/self/exe\n    finally:\n      - assert: { that: true, message: never }\n",
		"for-each":          "  - id: s_%[1]d\n    for-each: [1, 2]\n    read-link: /proc/self/exe\n",
		"parallel":          "  - parallel:\n      - id: s_%[1]d\n        read-link: /proc/self/exe\n      - assert: { that: true, message: never }\n",
	} {
		t.Run(name, func(t *testing.T) {
			allocated := func(count int) uint64 {
				var recipe strings.Builder
				recipe.WriteString("gwe: 1\nname: many\nsteps:\n")
				for i := range count {
					fmt.Fprintf(&recipe, step, i)
				}
				source, catalog := []byte(recipe.String()), steps.Catalog()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				program, diagnostics := engine.Load("many.yaml", source, catalog)
				runtime.ReadMemStats(&after)
				if program == nil {
					t.Fatal(diagnostics[0].Message)
				}
				return after.TotalAlloc - before.TotalAlloc
			}
			allocated(10) // what is made once
			few, many := allocated(200), allocated(2000)
			t.Logf("%d and %d KiB", few>>10, many>>10)
			if many > 15*few {
				t.Errorf("200 take %d KiB, and 2,000 take %d KiB", few>>10, many>>10)
			}
		})
	}
}

// quiet is a log that nobody reads.
type quiet struct{}

func (quiet) Handle(tasklog.Event) {}

// TestRunOfMany: the same of a run and of its plan, where parts that see the outputs around them have outputs
// of their own.
func TestRunOfMany(t *testing.T) {
	for name, step := range map[string]string{
		"parallel": "  - parallel:\n      - id: a_%[1]d\n        assert: { that: true, message: never }\n      - id: b_%[1]d\n        read-link: /proc/self/exe\n",
		"for-each": "  - id: s_%[1]d\n    for-each: [1, 2]\n    read-link: /proc/self/exe\n",
	} {
		t.Run(name, func(t *testing.T) {
			allocated := func(count int) uint64 {
				var recipe strings.Builder
				recipe.WriteString("gwe: 1\nname: many\nsteps:\n")
				for i := range count {
					fmt.Fprintf(&recipe, step, i)
				}
				program, diagnostics := engine.Load("many.yaml", []byte(recipe.String()), steps.Catalog())
				if program == nil {
					t.Fatal(diagnostics[0].Message)
				}
				machine := newEngine(t.TempDir(), quiet{})
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if _, err := machine.Plan(t.Context(), program, engine.Inputs{}); err != nil {
					t.Fatal(err)
				}
				if result, err := machine.Run(t.Context(), program, engine.Inputs{}); err != nil || result.Err != nil {
					t.Fatal(err, result.Err)
				}
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			allocated(10)
			few, many := allocated(100), allocated(1000)
			t.Logf("%d and %d KiB", few>>10, many>>10)
			if many > 15*few {
				t.Errorf("100 take %d KiB, and 1,000 take %d KiB", few>>10, many>>10)
			}
		})
	}
}
