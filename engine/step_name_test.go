package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// TestErrorsNameTheStep: by its name, id and type, and the item of its round; the position follows.
func TestErrorsNameTheStep(t *testing.T) {
	tests := []struct{ name, recipe, want string }{
		{"by its type", "steps:\n  - put: {path: D/a, fail: [do]}\n", "put step (bench.yaml:4:5): the world said no"},
		{"by its id", "steps:\n  - id: app\n    put: {path: D/a, fail: [do]}\n", "step app (put, bench.yaml:4:5): the world said no"},
		{"by its name", "steps:\n  - name: Write it\n    put: {path: D/a, fail: [do]}\n", `step "Write it" (put, bench.yaml:4:5): the world said no`},
		{"by all", "vars: {what: it}\nsteps:\n  - name: Write ${{ vars.what }}\n    id: app\n    put: {path: D/a, fail: [do]}\n",
			`step "Write it" (app, put, bench.yaml:5:5): the world said no`},
		{"deep in groups and branches", "steps:\n  - parallel:\n      - steps:\n          - put: {path: D/a, fail: [do]}\n",
			"put step (bench.yaml:6:13): the world said no"},
		{"the item of a list", "steps:\n  - id: flash\n    for-each: [s1, s2]\n    put: {path: \"D/${{ item }}\", fail: \"${{ item == 's2' ? ['do'] : [] }}\"}\n",
			"step flash for s2 (put, bench.yaml:4:5): the world said no"},
		{"the key of a map", "steps:\n  - name: Flash a board\n    for-each: {left: 1, right: 2}\n    put: {path: \"D/${{ index }}\", fail: [do]}\n",
			`step "Flash a board" for left (put, bench.yaml:4:5): the world said no`},
		{"the item once, where the name has it", "steps:\n  - name: Flash ${{ item }}\n    for-each: [s1, s2]\n    put: {path: \"D/${{ item }}\", fail: [do]}\n",
			`step "Flash s1" (put, bench.yaml:4:5): the world said no`},
		{"rounds in rounds", "steps:\n  - for-each: [a, b]\n    steps:\n      - for-each: [x, y]\n        put: {path: \"D/${{ item }}\", fail: \"${{ item == 'y' ? ['do'] : [] }}\"}\n",
			"put step for a, y (bench.yaml:6:9): the world said no"},
		{"what it goes over", "vars: {none: \"${{ {} }}\"}\nsteps:\n  - id: outer\n    for-each: [a]\n    steps:\n      - id: inner\n        for-each: \"${{ [int(item)] }}\"\n        put: {path: D/a}\n",
			"step inner for a (put, bench.yaml:8:9): what it goes over cannot be evaluated"},
		{"where an unnamed recipe uses it", "steps:\n  - use: ./inner.yaml\n", `step "Write" in the use step (put, inner.yaml:3:9): the world said no`},
		{"where a named round uses it", "steps:\n  - name: Install\n    for-each: [a, b]\n    use: ./inner.yaml\n", `step "Write" for a in "Install" (put, inner.yaml:3:9): the world said no`},
		{"refused before it acts", "steps:\n  - id: app\n    for-each: [s1, s2]\n    put: {path: \"D/${{ item }}\", fail: \"${{ item == 's1' ? ['plan'] : [] }}\"}\n",
			"step app for s1 (put, bench.yaml:4:5): it must not be"},
		{"an undo of a round", "steps:\n  - for-each: [s1, s2]\n    put: {path: \"D/${{ item }}\"}\n    undo: [{id: back, put: {path: \"D/${{ item }}-back\", fail: [do]}}]\n  - put: {path: D/b, fail: [do]}\n",
			"step back for s2 (put, bench.yaml:6:12): the world said no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.write("inner.yaml", "gwe: 1\nname: inner\nsteps: [{name: Write, put: {path: "+b.directory+"/inner, fail: [do]}}]\n")
			result := b.run(test.recipe)
			var said []string
			for _, err := range append([]error{result.Err}, result.Others...) {
				said = append(said, strings.ReplaceAll(err.Error(), b.directory+"/", ""))
			}
			if !slices.ContainsFunc(said, func(one string) bool { return strings.HasPrefix(one, test.want) }) {
				t.Errorf("it says:\n%s\nwant:\n%s", strings.Join(said, "\n"), test.want)
			}
			for _, one := range said {
				if strings.Contains(one, "steps[") {
					t.Errorf("a path is shown to people: %s", one)
				}
			}
			var located *engine.StepError
			if !errors.As(result.Err, &located) || located.Step.Path == "" || located.Step.At == "" || located.Step.Type == "" {
				t.Errorf("the error's fields: %+v", located)
			}
		})
	}
}

// TestListsNameTheStep: runs, show, the log's events and the dry run of a rollback have the name, the id, the
// type, the item and the path, each in a field of its own.
func TestListsNameTheStep(t *testing.T) {
	b := newBench(t)
	result := b.run("steps:\n  - name: Write a file\n    id: p\n    for-each: [one, two]\n    put: {path: \"D/${{ item }}\"}\n  - name: Look\n    look: {path: D/one}\n  - name: Not now\n    when: run.recovering\n    put: {path: D/never}\n")
	b.wantStatus(result, engine.StatusDone, 0)
	detail, err := b.engine.State.Show("")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range detail.Steps {
		got = append(got, strings.Join([]string{one.Title(), one.ID, one.Type, one.Item, one.Path, string(one.State)}, "|"))
	}
	want := []string{
		"Write a file (p) for one|p|put|one|steps[0]|done", "Write a file (p) for two|p|put|two|steps[0]|done",
		"Look||look||steps[1]|done", "Not now||put||steps[2]|skipped", "commit||commit|||committed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("show:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	begun := map[string]tasklog.Event{}
	for _, event := range b.events.events {
		if event.Kind == tasklog.Started {
			begun[event.Type+" "+event.Name] = event
		}
	}
	if e := begun["round 2 of 2: two"]; e.Step != "p" || e.Action != "put" || e.Item != "two" || e.Path != "steps[0]" {
		t.Errorf("the event of a round: %+v", e)
	}
	if e := begun["step Look"]; e.Step != "" || e.Action != "look" || e.Path != "steps[1]" {
		t.Errorf("the event of a step without an id: %+v", e)
	}
	plan, err := b.engine.PlanRollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if one := plan.Undone[0]; one.Name != "Write a file (two)" || one.ID != "p" || one.Type != "put" || one.Item != "two" || one.Path != "steps[0]" {
		t.Errorf("the rollback plan: %+v", one)
	}

	b.wantStatus(b.run("steps:\n  - name: Fail here\n    put: {path: D/a, fail: [do]}\n"), engine.StatusRestored, 3)
	list, err := b.engine.State.List()
	if err != nil {
		t.Fatal(err)
	}
	last := list[len(list)-1]
	if !strings.HasPrefix(last.Error, `step "Fail here" (put, bench.yaml:4:5): `) || last.Failed == nil || last.Failed.Path != "steps[0]" {
		t.Errorf("runs: %+v, %+v", last, last.Failed)
	}
	whole, _ := json.Marshal(last)
	if !strings.Contains(string(whole), `"failed":{"name":"Fail here","type":"put","path":"steps[0]","at":"bench.yaml:4:5"}`) {
		t.Errorf("runs as JSON: %s", whole)
	}
}

// TestShowTellsAllowedFailuresFromSkips: by their state, with what failed; and an item that is a part of the
// step's name is told.
func TestShowTellsAllowedFailuresFromSkips(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - name: Each\n    for-each: [a, b]\n    when: item == 'b'\n    put: {path: \"D/${{ item }}\"}\n  - {name: May fail, allow-failure: true, put: {path: D/c, fail: [do]}}\n"+
		"  - name: All of these\n    allow-failure: true\n    steps: [{put: {path: D/d, fail: [do]}}]\n"), engine.StatusDone, 0)
	detail, err := b.engine.State.Show("")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range detail.Steps {
		got = append(got, one.Title()+"|"+string(one.State)+"|"+one.Error)
	}
	want := []string{
		"Each for a|skipped|", "Each for b|done|", "May fail|undone|the world said no", "put|undone|the world said no",
		"All of these|failed, as allowed|the world said no", "commit|committed|",
	}
	if !slices.Equal(got, want) {
		t.Errorf("show:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
