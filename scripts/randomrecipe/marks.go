//go:build amd64

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// marking makes a program that leaves a mark, and says so in the log of marks; its undo takes the mark away,
// and says so too.
func (g *generator) marking(s fields) fields {
	if g.IntN(6) == 0 && s["timeout"] == nil && s["for-each"] == nil && g.rounds == 0 {
		return g.flaky()
	}
	id := g.mark()
	s["run"] = fields{"script": `echo "do $ID" >>"$MARKS/log"; sleep 0.01; : >"$MARKS/$ID"`, "env": g.environment(id)}
	s["undo"] = []any{g.undoing(id)}
	return s
}

// flaky makes a program that fails the first time.
func (g *generator) flaky() fields {
	id := g.mark()
	return fields{
		"run":   fields{"script": `echo "do $ID" >>"$MARKS/log"; : >"$MARKS/$ID"; [ "$(grep -cx "do $ID" "$MARKS/log")" -gt 1 ]`, "env": g.environment(id)},
		"undo":  []any{g.undoing(id)},
		"retry": fields{"attempts": 2, "delay": "5ms"},
	}
}

// mark gives a step a name that tells where it stands: its number, or the number of the for-each, the round,
// and its number.
func (g *generator) mark() string {
	g.number++
	id := strconv.Itoa(g.number)
	if g.rounds != 0 {
		id = fmt.Sprintf("%d.${{ index }}.%d", g.rounds, g.number)
	}
	g.recipe.marks[strconv.Itoa(g.number)] = mark{parallel: g.parallel, branch: g.branch}
	return id
}

func (g *generator) environment(id string) fields {
	return fields{"MARKS": "${{ inputs.marks }}", "ID": id}
}

func (g *generator) undoing(id string) fields {
	return fields{"run": fields{"script": `echo "undo $ID" >>"$MARKS/log"; sleep 0.005; rm -f "$MARKS/$ID"`, "env": g.environment(id)}}
}

// say makes a step that only says that it was there.
func (g *generator) say(what string) fields {
	g.number++
	return fields{"run": fields{"script": `echo "$ID" >>"$MARKS/log"`, "env": g.environment(fmt.Sprintf("%s-%d", what, g.number))}}
}

// event is a line of the log of marks.
type event struct {
	undo bool
	id   string
	// order is greater for what is undone earlier; mark is that of its step.
	order []int
	mark  mark
}

// read understands the log of marks.
func (r recipe) read(log string) (events []event) {
	for line := range strings.Lines(log) {
		what, id, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || what != "do" && what != "undo" {
			continue
		}
		e := event{undo: what == "undo", id: id}
		parts := strings.Split(id, ".")
		for _, part := range parts {
			number, _ := strconv.Atoi(part)
			e.order = append(e.order, number)
		}
		e.mark = r.marks[parts[len(parts)-1]]
		events = append(events, e)
	}
	return events
}
