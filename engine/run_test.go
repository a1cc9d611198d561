package engine_test

import (
	"testing"

	"github.com/gwe-project/gwe/engine"
)

func TestRunsEndAsTheTableSays(t *testing.T) {
	tests := []struct {
		name   string
		recipe string
		status engine.Status
		exit   int
		files  map[string]string
	}{
		{"a good run", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, text: two}\n",
			engine.StatusDone, 0, map[string]string{"a": "x", "b": "two"}},
		{"a failure rolls everything back", "steps:\n  - put: {path: D/a}\n  - put: {path: D/old, text: new}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "b": "-", "old": "old"}},
		{"undo runs newest first, the recipe's before the type's",
			"steps:\n  - put: {path: D/a}\n    undo: [{note: {file: D/log, line: first}}]\n  - put: {path: D/b, fail: [do]}\n    undo: [{note: {file: D/log, line: second}}, {note: {file: D/log, line: third}}]\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "b": "-", "log": "second\nthird\nfirst\n"}},
		{"a refusal before any effect", "steps:\n  - look: {path: D/a}\n  - put: {path: D/a, fail: [refuse]}\n",
			engine.StatusRefused, 6, map[string]string{"a": "-"}},
		{"a refusal after an effect", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [refuse]}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-"}},
		{"a plan that cannot work is refused", "steps:\n  - put: {path: D/a, fail: [plan]}\n",
			engine.StatusRefused, 6, map[string]string{"a": "-"}},
		{"the failsafe", "steps:\n  - put: {path: D/a, fail: [undo]}\n  - put: {path: D/b, fail: [do]}\nfailsafe:\n  - put: {path: D/safe}\n",
			engine.StatusFailsafe, 4, map[string]string{"a": "x", "b": "-", "safe": "x"}},
		{"no failsafe", "steps:\n  - put: {path: D/a, fail: [undo]}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusBroken, 5, map[string]string{"a": "x", "b": "-"}},
		{"a failing failsafe", "steps:\n  - put: {path: D/a, fail: [undo, do]}\nfailsafe:\n  - put: {path: D/safe, fail: [do]}\n",
			engine.StatusBroken, 5, map[string]string{"a": "x"}},
		{"a leftover is not a broken machine", "steps:\n  - put: {path: D/a, fail: [leftover]}\n  - put: {path: D/b, fail: [do]}\nfailsafe:\n  - put: {path: D/safe}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "safe": "-"}},
		{"a failure after the commit", "steps:\n  - put: {path: D/a}\n  - commit: done\n  - put: {path: D/b}\n  - put: {path: D/c, fail: [do]}\n",
			engine.StatusCommitted, 7, map[string]string{"a": "x", "b": "-", "c": "-"}},
		{"a failing finally", "steps:\n  - put: {path: D/a}\nfinally:\n  - put: {path: D/f, fail: [do]}\n  - put: {path: D/g}\n",
			engine.StatusCommitted, 7, map[string]string{"a": "x", "g": "x"}},
		{"finally runs after a failure too", "steps:\n  - put: {path: D/a, fail: [do]}\nfinally:\n  - put: {path: D/f, text: \"${{ error.code ?? 'none' }}\"}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "f": "put-failed"}},
		{"finally knows that there was no error", "steps:\n  - put: {path: D/a}\nfinally:\n  - put: {path: D/f, text: \"${{ error.code ?? 'none' }}\"}\n",
			engine.StatusDone, 0, map[string]string{"f": "none"}},
		{"allow-failure puts the step itself back and continues", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [do]}\n    allow-failure: true\n  - put: {path: D/c}\n",
			engine.StatusDone, 0, map[string]string{"a": "x", "b": "-", "c": "x"}},
		{"a guard", "inputs:\n  go: {type: bool, default: false}\nsteps:\n  - put: {path: D/a}\n    when: inputs.go\n  - put: {path: D/b}\n    when: not inputs.go\n",
			engine.StatusDone, 0, map[string]string{"a": "-", "b": "x"}},
		{"a stop", "steps:\n  - put: {path: D/a}\n  - stop: enough\n    when: run.recipe == 'bench'\n  - put: {path: D/b}\n",
			engine.StatusDone, 0, map[string]string{"a": "x", "b": "-"}},
		{"what changed before the commit fails it", "steps:\n  - put: {path: D/a, fail: [verify]}\n  - commit: done\n",
			engine.StatusRestored, 3, map[string]string{"a": "-"}},
		{"a time-out", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [hang]}\n    timeout: 20ms\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "b": "-"}},
		{"the run's time-out", "timeout: 20ms\nsteps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [hang]}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "b": "-"}},
		{"until", "steps:\n  - id: a\n    put: {path: D/a, text: wrong}\n    until: result.text == 'right'\n    retry: {attempts: 2}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-"}},
		{"vars and outputs of steps", "vars: {name: a, path: \"D/${{ vars.name }}\"}\nsteps:\n  - id: one\n    put: {path: \"${{ vars.path }}\", text: t}\n  - put: {path: D/b, text: \"${{ steps.one.text }}!\"}\n",
			engine.StatusDone, 0, map[string]string{"a": "t", "b": "t!"}},
		{"an undo step with a guard on what was found", "steps:\n  - id: seen\n    look: {path: D/old}\n  - put: {path: D/a, fail: [do]}\n    undo:\n      - when: steps.seen.found\n        put: {path: D/copy, text: \"${{ steps.seen.text }}\"}\n",
			engine.StatusRestored, 3, map[string]string{"a": "-", "copy": "old"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.write("old", "old")
			b.wantStatus(b.run(test.recipe), test.status, test.exit)
			for name, content := range test.files {
				b.wantFile(name, content)
			}
		})
	}
}
