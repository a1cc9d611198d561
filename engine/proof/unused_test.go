package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// TestUnused: what nothing reads is named, and each way in which a recipe can read something is found.
func TestUnused(t *testing.T) {
	steady := "  - write: { path: /etc/a, content: a }\n"
	for name, test := range map[string]struct{ recipe, want string }{
		"nothing is read": {`inputs: { one: { type: string, default: a } }
vars: { two: b }
facts: { three: { type: string, file: /etc/three } }
steps:
  - id: four
    read-link: /etc/link
`, "1 input one, 2 variable two, 3 fact three, 5 step four"},
		"in a value":              {"inputs: { one: { type: string, default: a } }\nsteps:\n  - write: { path: /etc/a, content: \"x ${{ inputs.one }}\" }\n", ""},
		"in a nested expression":  {"inputs: { one: { type: string, default: a } }\nvars: { two: b }\nsteps:\n  - write: { path: /etc/a, content: \"${{ upper(inputs.one + (vars.two ?? 'x')) }}\" }\n", ""},
		"by brackets, optionally": {"inputs: { one: { type: string, default: a } }\nvars: { two: b }\nsteps:\n  - write: { path: /etc/a, content: \"${{ inputs['one'] + vars?.two }}\" }\n", ""},
		"in a guard":              {"inputs: { one: { type: bool, default: true } }\nsteps:\n  - when: not inputs.one\n    write: { path: /etc/a, content: a }\n", ""},
		"in until and retry":      {"inputs: { one: { type: string, default: a }, two: { type: int, default: 3 } }\nsteps:\n  - run: { argv: [app] }\n    effects: none\n    until: result.stdout == inputs.one\n    retry: { attempts: \"${{ inputs.two }}\", delay: 1s }\n", ""},
		"in env":                  {"inputs: { one: { type: secret, required: true } }\nsteps:\n  - run: { argv: [app], env: { A: \"${{ inputs.one }}\" } }\n    effects: none\n", ""},
		"in a use":                {"inputs: { one: { type: string, default: a } }\nsteps:\n  - use: ./other.yaml\n    with: { name: \"${{ inputs.one }}\" }\n", ""},
		"in failsafe":             {"inputs: { one: { type: string, default: a } }\nsteps:\n" + steady + "failsafe:\n  - write: { path: /etc/b, content: \"${{ inputs.one }}\" }\n", ""},
		"in finally":              {"vars: { one: a }\nsteps:\n" + steady + "finally:\n  - write: { path: /etc/b, content: \"${{ vars.one }}\" }\n", ""},
		"in outputs":              {"steps:\n  - id: one\n    write: { path: /etc/a, content: a }\noutputs: { changed: \"${{ steps.one.changed }}\" }\n", ""},
		"in confirm":              {"facts: { one: { type: string, file: /etc/one } }\nsteps:\n" + steady + "  - confirm: { within: 1h, until: facts.one == \"up\" }\n", ""},
		"in a reboot":             {"facts: { one: { type: string, file: /etc/one } }\nsteps:\n" + steady + "  - reboot: { within: 1h, expect: facts.one == \"up\" }\n", ""},
		"in a lock":               {"inputs: { one: { type: path, default: /etc } }\nlock: [\"${{ inputs.one }}\"]\nsteps:\n" + steady, ""},
		"in a commit":             {"vars: { one: a }\nsteps:\n" + steady + "  - commit: it is ${{ vars.one }}\n", ""},
		"in an undo":              {"steps:\n  - id: one\n    read-link: /etc/link\n  - run: { argv: [app] }\n    undo:\n      - run: { argv: [app, \"${{ steps.one?.target ?? '' }}\"] }\n", ""},
		"in another variable":     {"vars: { one: a, two: \"${{ vars.one }}\" }\nsteps:\n  - write: { path: /etc/a, content: \"${{ vars.two }}\" }\n", ""},
		"in a for-each":           {"inputs: { one: { type: list<string>, default: [] } }\nsteps:\n  - for-each: ${{ inputs.one }}\n    write: { path: \"/etc/${{ item }}\", content: a }\n", ""},
		"all at once":             {"inputs: { one: { type: string, default: a } }\nvars: { two: b }\nsteps:\n  - write: { path: /etc/a, content: \"${{ toJson(inputs) }}\" }\n  - when: len(vars) > 0\n    write: { path: /etc/b, content: a }\n", ""},
		"by a name of the run":    {"vars: { one: { a: b } }\ninputs: { two: { type: string, default: a } }\nsteps:\n  - write: { path: /etc/a, content: \"${{ vars.one[inputs.two] }}\" }\n", ""},
		"by the error":            {"steps:\n  - id: one\n    write: { path: /etc/a, content: a }\nfinally:\n  - when: error.step == \"one\"\n    write: { path: /etc/b, content: a }\n", ""},
		"by what is mounted":      {"inputs: { one: { type: path, default: /media/a, mounted: true } }\nsteps:\n" + steady, ""},
		"by its tests":            {"steps:\n  - id: tested\n    write: { path: /etc/a, content: a }\n", ""},
		"another one is read":     {"inputs: { one: { type: string, default: a }, one_more: { type: string, default: a } }\nsteps:\n  - write: { path: /etc/a, content: \"${{ inputs.one_more }}\" }\n", "1 input one"},
		"the group by its length": {"inputs: { one: { type: string, default: a } }\nsteps:\n  - assert: { that: \"${{ len(inputs) == 1 }}\", message: a }\n", ""},
		"its own declaration":     {"inputs:\n  one: { type: string, default: a, help: 'the inputs, all of them' }\nsteps:\n" + steady, "2 input one"},
	} {
		t.Run(name, func(t *testing.T) {
			head := "gwe: 1\nname: sample\n"
			recipe, diagnostics := schema.Parse("sample.yaml", []byte(head+test.recipe), steps.Catalog())
			if diagnostics.HasErrors() {
				t.Fatalf("%s", diagnostics[0].Message)
			}
			var found []string
			for _, one := range proof.Unused(recipe, func(id string) bool { return id == "tested" }).Sorted() {
				what := strings.TrimPrefix(strings.TrimPrefix(one.Message, "nothing reads the "), "outputs of ")
				what, _, _ = strings.Cut(what, ",")
				found = append(found, fmt.Sprintf("%d %s", one.Line-2, what))
			}
			if got := strings.Join(found, ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
