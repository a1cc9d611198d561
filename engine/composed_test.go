package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// TestComposed: what groups, parallels, for-each and used recipes do, each with how the run ends, what the
// files then hold, and in which order notes were taken.
func TestComposed(t *testing.T) {
	tests := []struct {
		name, recipe string
		status       engine.Status
		// files are NAME=CONTENT; "-" is not there.
		files string
		// notes are the lines of the file notes.
		notes string
	}{
		{
			"a group's outputs are seen after it",
			`steps:
  - steps:
      - id: p
        put: {path: D/a, text: one}
  - put: {path: D/b, text: "${{ steps.p.text }} two"}
`, engine.StatusDone, "a=one b=one two", "",
		},
		{
			"a group that fails is rolled back, and rescued",
			`steps:
  - put: {path: D/z, text: kept}
  - steps:
      - put: {path: D/a}
      - put: {path: D/b, fail: [do]}
      - put: {path: D/c}
    rescue:
      - note: {file: D/notes, line: "rescued from ${{ error.code ?? 'nothing' }}"}
      - put: {path: D/d, text: instead}
    finally:
      - note: {file: D/notes, line: "finally ${{ error.code ?? 'good' }}"}
  - note: {file: D/notes, line: after}
`, engine.StatusDone, "z=kept a=- b=- c=- d=instead", "rescued from put-failed\nfinally good\nafter\n",
		},
		{
			"what a rescue did is undone when the run fails later",
			`steps:
  - steps:
      - put: {path: D/b, fail: [do]}
    rescue:
      - put: {path: D/d}
  - put: {path: D/e, fail: [do]}
`, engine.StatusRestored, "b=- d=- e=-", "",
		},
		{
			"the undo of a round sees that a step of it was skipped, not the list of all rounds",
			`steps:
  - for-each: [1, 2]
    steps:
      - {id: p, when: item == 1, put: {path: D/a, text: one}}
      - put: {path: "D/b${{ item }}"}
        undo:
          - note: {file: D/notes, line: "${{ item }} ${{ steps.p.text ?? 'none' }}"}
  - put: {path: D/e, fail: [do]}
`, engine.StatusRestored, "a=- b1=- b2=- e=-", "2 none\n1 one\n",
		},
		{
			"a rescue that fails: the first error counts, and all is rolled back",
			`steps:
  - put: {path: D/a}
  - steps:
      - put: {path: D/b, fail: [do]}
    rescue:
      - put: {path: D/d}
      - put: {path: D/e, fail: [tell]}
    finally:
      - note: {file: D/notes, line: "finally ${{ error.code ?? 'good' }}"}
`, engine.StatusRestored, "a=- b=- d=- e=-", "finally put-failed\n",
		},
		{
			"a rescue does not run where the group could not be rolled back",
			`steps:
  - steps:
      - put: {path: D/a, fail: [undo]}
      - put: {path: D/b, fail: [do]}
    rescue:
      - note: {file: D/notes, line: rescued}
failsafe:
  - put: {path: D/safe}
`, engine.StatusFailsafe, "a=x b=- safe=x", "",
		},
		{
			"nor where a group within it could not be rolled back",
			`steps:
  - steps:
      - steps:
          - put: {path: D/a, fail: [undo]}
          - put: {path: D/b, fail: [do]}
        allow-failure: true
    rescue:
      - note: {file: D/notes, line: rescued}
failsafe:
  - put: {path: D/safe}
`, engine.StatusFailsafe, "a=x b=- safe=x", "",
		},
		{
			"nor is a group tried again then, or allowed to fail",
			`steps:
  - steps:
      - steps:
          - steps:
              - put: {path: D/a, fail: [undo]}
              - note: {file: D/notes, line: tried}
              - put: {path: D/b, fail: [do]}
            allow-failure: true
        retry: {attempts: 3}
    allow-failure: true
failsafe:
  - put: {path: D/safe}
`, engine.StatusFailsafe, "a=x b=- safe=x", "tried\n",
		},
		{
			"the undo of a group goes before those of its steps, and its finally after them",
			`steps:
  - steps:
      - note: {file: D/notes, line: one}
        undo: [{note: {file: D/notes, line: undo one}}]
      - note: {file: D/notes, line: two}
        undo: [{note: {file: D/notes, line: undo two}}]
      - note: {file: D/notes, line: three, fail: true}
    undo:
      - note: {file: D/notes, line: undo group}
    finally:
      - note: {file: D/notes, line: finally}
`, engine.StatusRestored, "", "one\ntwo\nthree\nundo group\nundo two\nundo one\nfinally\n",
		},
		{
			"the undo of a group that was done runs when a later step fails",
			`steps:
  - steps:
      - note: {file: D/notes, line: one}
        undo: [{note: {file: D/notes, line: undo one}}]
    undo:
      - note: {file: D/notes, line: undo group}
    finally:
      - note: {file: D/notes, line: finally}
  - put: {path: D/b, fail: [do]}
`, engine.StatusRestored, "", "one\nfinally\nundo group\nundo one\n",
		},
		{
			"a finally that fails makes a good group fail",
			`steps:
  - steps:
      - put: {path: D/a}
    finally:
      - note: {file: D/notes, line: finally, fail: true}
`, engine.StatusRestored, "a=-", "finally\n",
		},
		{
			"a group may be allowed to fail",
			`steps:
  - steps:
      - put: {path: D/a}
      - put: {path: D/b, fail: [do]}
    allow-failure: true
    finally:
      - note: {file: D/notes, line: finally}
  - put: {path: D/c}
`, engine.StatusDone, "a=- b=- c=x", "finally\n",
		},
		{
			"each attempt of a group is rolled back before the next",
			`steps:
  - steps:
      - note: {file: D/notes, line: one}
        undo: [{note: {file: D/notes, line: undo one}}]
      - id: l
        look: {path: D/notes}
    until: (steps.l.text ?? "") contains "undo one"
    retry: {attempts: 3}
`, engine.StatusDone, "", "one\nundo one\none\n",
		},
		{
			"a group that takes too long is rescued",
			`steps:
  - steps:
      - note: {file: D/notes, line: slow, hang: true}
    timeout: 20ms
    rescue:
      - note: {file: D/notes, line: "${{ error.code }}"}
`, engine.StatusDone, "", "slow\nstep-timeout\n",
		},
		{
			"a guard holds for a whole group",
			`steps:
  - id: l
    look: {path: D/none}
  - when: steps.l.found
    steps:
      - id: p
        put: {path: D/a, text: "${{ steps.l.text }}"}
  - put: {path: D/b, text: "${{ steps.p.text ?? 'absent' }}"}
`, engine.StatusDone, "a=- b=absent", "",
		},
		{
			"branches leave their outputs behind",
			`steps:
  - parallel:
      - id: p
        put: {path: D/a, text: one}
      - steps:
          - id: q
            put: {path: D/b, text: two}
  - put: {path: D/c, text: "${{ steps.p.text }} ${{ steps.q.text }}"}
`, engine.StatusDone, "a=one b=two c=one two", "",
		},
		{
			"branches are rolled back in reverse order of declaration, one at a time",
			`steps:
  - parallel:
      - steps:
          - note: {file: D/notes, line: first}
            undo: [{note: {file: D/notes, line: undo first}}]
          - note: {file: D/notes, line: first again}
            undo: [{note: {file: D/notes, line: undo first again}}]
      - note: {file: D/notes, line: second}
        undo: [{note: {file: D/notes, line: undo second}}]
        allow: { parallel-conflict: one branch at a time }
      - note: {file: D/notes, line: third, fail: true}
        undo: [{note: {file: D/notes, line: undo third}}]
        allow: { parallel-conflict: one branch at a time }
    limit: 1
`, engine.StatusRestored, "", "first\nfirst again\nsecond\nthird\nundo third\nundo second\nundo first again\nundo first\n",
		},
		{
			"a round for each element",
			`steps:
  - id: p
    for-each: [one, two]
    put: {path: "D/${{ item }}", text: "${{ index }}"}
  - put: {path: D/all, text: "${{ steps.p[0].text }}${{ steps.p[1].text }}"}
`, engine.StatusDone, "one=0 two=1 all=01", "",
		},
		{
			"a round for each entry of a map, in the order of its keys",
			`steps:
  - for-each: {b: two, a: one}
    note: {file: D/notes, line: "${{ index }}=${{ item }}"}
`, engine.StatusDone, "", "a=one\nb=two\n",
		},
		{
			"rounds are undone newest first, each with its own item",
			`steps:
  - for-each: [one, two]
    note: {file: D/notes, line: "${{ item }}"}
    undo: [{note: {file: D/notes, line: "undo ${{ item }}"}}]
  - put: {path: D/b, fail: [do]}
`, engine.StatusRestored, "", "one\ntwo\nundo two\nundo one\n",
		},
		{
			"a skipped round leaves null, one that was allowed to fail too",
			`steps:
  - id: p
    for-each: [one, two, three]
    when: item != "two"
    allow-failure: true
    put: {path: "D/${{ item }}", text: "${{ item }}", fail: "${{ item == 'three' ? ['do'] : [] }}"}
  - put: {path: D/all, text: "${{ len(steps.p) }} ${{ steps.p[0].text ?? '-' }} ${{ steps.p[1].text ?? '-' }} ${{ steps.p[2].text ?? '-' }}"}
`, engine.StatusDone, "one=one two=- three=- all=3 one - -", "",
		},
		{
			"groups in rounds in groups",
			`steps:
  - for-each: [a, b]
    steps:
      - for-each: "${{ [item + '1', item + '2'] }}"
        id: p
        put: {path: "D/${{ item }}", text: "${{ item }}"}
      - id: n
        put: {path: "D/${{ item }}", text: "${{ map(steps.p, .text) | join('+') }}"}
  - put: {path: D/all, text: "${{ steps.p[1][0].text }} ${{ steps.n[0].text }}"}
`, engine.StatusDone, "a1=a1 a=a1+a2 b2=b2 all=b1 a1+a2", "",
		},
		{
			"nothing to go over",
			`vars: {none: "${{ filter(['a'], # == 'b') }}"}
steps:
  - id: p
    for-each: ${{ vars.none }}
    put: {path: "D/${{ item }}"}
  - put: {path: D/all, text: "${{ len(steps.p) }}"}
`, engine.StatusDone, "all=0", "",
		},
		{
			"a stop in a group ends the run, after the finally of the group",
			`steps:
  - steps:
      - put: {path: D/a}
      - stop: enough
        when: run.recovering == false
      - put: {path: D/b}
    finally:
      - note: {file: D/notes, line: finally}
  - put: {path: D/c}
`, engine.StatusDone, "a=x b=- c=-", "finally\n",
		},
		{
			"another recipe, with inputs and outputs of its own",
			`inputs: {name: {type: string, default: outer}}
steps:
  - id: used
    use: ./inner.yaml
    with: {name: "${{ inputs.name }}!"}
  - put: {path: D/b, text: "${{ steps.used.said }}"}
`, engine.StatusDone, "inner=outer! b=said outer!", "inner finally\n",
		},
		{
			"what another recipe did is undone with the rest",
			`steps:
  - use: ./inner.yaml
    with: {name: x}
  - put: {path: D/b, fail: [do]}
`, engine.StatusRestored, "inner=- b=-", "inner finally\n",
		},
		{
			"a stop in another recipe ends that one only",
			`steps:
  - id: used
    use: ./inner.yaml
    with: {name: stop}
  - put: {path: D/b, text: "${{ steps.used.said }}"}
`, engine.StatusDone, "inner=- b=nothing", "inner finally\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.write("inner.yaml", strings.ReplaceAll(`gwe: 1
name: inner
inputs:
  name: {type: string, required: true}
steps:
  - stop: nothing to do
    when: inputs.name == "stop"
  - id: p
    put: {path: D/inner, text: "${{ inputs.name }}"}
  - commit: it is so
finally:
  - note: {file: D/notes, line: inner finally}
outputs:
  said: "${{ steps.p.text == nil ? 'nothing' : 'said ' + (steps.p.text ?? '') }}"
`, "D/", b.directory+"/"))
			result := b.run(test.recipe)
			b.wantStatus(result, test.status, map[engine.Status]int{engine.StatusDone: 0, engine.StatusRestored: 3, engine.StatusFailsafe: 4}[test.status])
			for _, file := range fields(test.files) {
				name, content, _ := strings.Cut(file, "=")
				b.wantFile(name, content)
			}
			if test.notes != "" {
				b.wantFile("notes", test.notes)
			}
			if t.Failed() {
				journal, _ := os.ReadFile(b.glob("runs/*/journal")[0])
				t.Logf("%s", journal)
			}
		})
	}
}

// fields splits "a=one b=two three" into a=one and b=two three.
func fields(text string) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		if strings.Contains(word, "=") || len(all) == 0 {
			all = append(all, word)
		} else {
			all[len(all)-1] += " " + word
		}
	}
	return all
}

// TestFirstFailureInterruptsTheSiblings: a branch that hangs ends when another one fails, as interrupted.
func TestFirstFailureInterruptsTheSiblings(t *testing.T) {
	b := newBench(t)
	result := b.run(`steps:
  - parallel:
      - id: slow
        note: {file: D/slow, line: begun, hang: true}
        undo: [{note: {file: D/slow, line: undone}}]
      - steps:
          - look: {path: D/slow}
            until: result.found
            retry: {attempts: 10000, delay: 1ms}
          - put: {path: D/b, fail: [do]}
`)
	b.wantStatus(result, engine.StatusRestored, 3)
	if f := fault.As(result.Err); f == nil || f.Class != fault.Failed {
		t.Errorf("failed with %v", result.Err)
	}
	if said := b.events.text(); !strings.Contains(said, `"status":"interrupted"`) {
		t.Errorf("no task was interrupted:\n%s", said)
	}
	b.wantFile("slow", "begun\nundone\n")
}

// TestUsedRecipesAreFrozen: recovery needs neither the recipe nor those that it uses.
func TestUsedRecipesAreFrozen(t *testing.T) {
	b := newBench(t)
	inner := filepath.Join(b.directory, "inner.yaml")
	b.write("inner.yaml", strings.ReplaceAll("gwe: 1\nname: inner\ninputs: {token: {type: secret, required: true}}\nsteps:\n  - put: {path: D/a, token: \"${{ inputs.token }}\"}\n    undo: [{note: {file: D/notes, line: \"undo ${{ error.code }}\"}}]\n", "D/", b.directory+"/"))
	recipe := "inputs: {token: {type: secret, required: true}}\nsteps:\n  - use: ./inner.yaml\n    with: {token: \"${{ inputs.token }}\"}\n  - put: {path: D/b}\n"
	program := b.load(recipe)
	if !b.killAt(moment{record: 6}, func(e *engine.Engine) {
		_, _ = e.Run(context.Background(), program, engine.Inputs{"token": {Value: "a long secret"}})
	}) {
		t.Fatal("the run came to its end")
	}
	if err := os.Remove(inner); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "x")
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Fatalf("recovered with %+v, %v", results, err)
	}
	b.wantFile("a", "-")
	b.wantFile("a.token", "-")
	b.wantFile("notes", "undo run-died\n")
}
