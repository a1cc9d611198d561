//go:build amd64

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gopkg.in/yaml.v3"
)

// fields is a mapping of a recipe.
type fields = map[string]any

// recipe is what a seed gives: the recipe, and the recipes that it uses by the names of their files.
type recipe struct {
	text string
	// upToCommit is the recipe without the steps after its commit, where it has any.
	upToCommit string
	// confirms tells that it waits to be confirmed, if nothing fails before.
	confirms bool
	used     map[string]string
	// marks are the numbers of the steps that say what they do.
	marks map[string]mark
}

// mark is where a step stands that says what it does.
type mark struct {
	// parallel and branch tell of the innermost parallel around it; parallel is -1 where its branches may be
	// rolled back early.
	parallel, branch int
}

// generator makes one recipe.
type generator struct {
	*rand.Rand
	model model
	// areas are those in which it may act now.
	areas []string
	// number counts the steps.
	number int
	// rounds is the number of the for-each around the step that is made, 0 where there is none.
	rounds int
	// parallel and branch are those around it; loose are the parallels in which something may be rolled back
	// early.
	parallel, branch int
	loose            map[int]bool
	// ids are steps with the output changed, above the step that is made.
	ids    []string
	recipe recipe
}

// generate makes the recipe of a seed.
func generate(seed uint64) recipe {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, 3)), model: grow(nil, seed, ""), areas: areas, loose: map[int]bool{},
		recipe: recipe{used: map[string]string{}, marks: map[string]mark{}},
	}
	recipe := fields{
		"gwe": 1, "name": "random", "lock": []string{target("")}, "inputs": inputs(),
	}
	// Before the commit, and after it.
	size := 2 + g.IntN(9)
	steps := g.sequence(size, 0)
	if g.IntN(4) == 0 {
		at := g.IntN(len(steps) + 1)
		steps = slices.Insert(steps, at, any(g.failing()))
	}
	behind := len(steps)
	if g.IntN(10) < 7 {
		if g.IntN(6) == 0 {
			steps = slices.Insert(steps, g.IntN(len(steps)+1), any(fields{"confirm": fields{"within": "1h"}}))
			g.recipe.confirms = true
		}
		steps = append(steps, fields{"commit": "it is done"})
		behind = len(steps)
		g.ids = nil
		for range g.IntN(4) {
			steps = append(steps, g.behind())
		}
		if g.IntN(6) == 0 {
			steps = append(steps, g.failing())
		}
	}
	recipe["steps"] = steps
	if g.IntN(3) == 0 {
		recipe["finally"] = []any{g.say("finally")}
	}
	if g.IntN(4) == 0 {
		recipe["failsafe"] = g.falls()
	}
	if g.IntN(4) == 0 {
		g.asks(recipe)
	}
	if g.IntN(5) == 0 {
		recipe["defaults"] = fields{"timeout": "1m", "undo-timeout": "1m"}
	}
	g.recipe.text = marshal(recipe)
	if behind < len(steps) {
		recipe["steps"] = steps[:behind]
		g.recipe.upToCommit = marshal(recipe)
	}
	for number := range g.loose {
		for id, mark := range g.recipe.marks {
			if mark.parallel == number {
				mark.parallel = -1
				g.recipe.marks[id] = mark
			}
		}
	}
	return g.recipe
}

// inputs are those of every recipe.
func inputs() fields {
	return fields{
		"target":   fields{"type": "path", "required": true},
		"marks":    fields{"type": "path", "required": true},
		"supplies": fields{"type": "path", "required": true},
		"yes":      fields{"type": "bool", "default": true},
		"no":       fields{"type": "bool", "default": false},
	}
}

func marshal(recipe fields) string {
	text, err := yaml.Marshal(recipe)
	if err != nil {
		panic(err) // a mapping of plain values can always be written
	}
	return string(text)
}

// asks lets the recipe know something of its machine, and guard its first step by that.
func (g *generator) asks(recipe fields) {
	recipe["facts"] = fields{
		"page": fields{"type": "string", "file": target("depot/page.tmpl")},
		"room": fields{"free": target("")},
		"says": fields{"type": "string", "run": []string{"echo", "it does"}, "optional": true},
	}
	first := recipe["steps"].([]any)[0].(fields)
	if first["when"] == nil && first["confirm"] == nil && first["commit"] == nil {
		first["when"] = `facts.page != "" and facts.room > size("1KiB") and (facts.says ?? "") == "it does"`
	}
}

// target writes a path below the tree as recipes do.
func target(name string) string {
	if name == "" {
		return "${{ inputs.target }}"
	}
	return "${{ inputs.target }}/" + name
}

// sequence makes that many steps, one after the other.
func (g *generator) sequence(size, depth int) (steps []any) {
	for range size {
		steps = append(steps, g.step(depth))
	}
	return steps
}

// step makes a step with all that is in it.
func (g *generator) step(depth int) any {
	if depth < 3 && g.IntN(4) == 0 {
		switch kind := g.IntN(10); {
		case kind < 5:
			return g.group(depth)
		case kind < 7 && g.parallel == 0 && len(g.areas) > 1:
			return g.branches(depth)
		case kind < 8 && g.rounds == 0:
			return g.eachGroup(depth)
		case g.rounds == 0 && g.parallel == 0 && g.IntN(2) == 0:
			return g.shipped()
		case g.rounds == 0 && g.parallel == 0:
			return g.uses()
		}
	}
	if g.mayRelease() && g.IntN(5) == 0 {
		return g.release()
	}
	return g.modified(g.leaf())
}

// modified gives a step some modifiers that do not change what it does.
func (g *generator) modified(s fields) fields {
	if g.IntN(8) == 0 && s["when"] == nil {
		s["when"] = "inputs.yes"
	}
	if g.IntN(12) == 0 {
		s["timeout"] = "30s"
	}
	if g.IntN(12) == 0 && s["retry"] == nil {
		s["retry"] = fields{"attempts": 2, "delay": "5ms"}
	}
	if g.IntN(12) == 0 && s["undo"] == nil && s["run"] == nil {
		s["undo"] = []any{g.say("own-undo")}
	}
	if g.IntN(15) == 0 {
		s["until"] = "inputs.yes"
	}
	return s
}

// group makes steps that belong together: rescued, given up, repeated, or just so.
func (g *generator) group(depth int) fields {
	before, ids := g.model.clone(), slices.Clone(g.ids)
	group := fields{"steps": g.sequence(1+g.IntN(4), depth+1)}
	fails := false
	switch g.IntN(6) {
	case 0: // it fails, and is rescued
		g.early()
		group["steps"] = append(group["steps"].([]any), g.failing())
		g.model = before
		group["rescue"] = g.sequence(1+g.IntN(2), depth+1)
		g.ids = ids
	case 1: // it would be rescued in vain: what a rescue leaves where it is called for by chance is not a tree that anybody knows
		g.early()
		saved := g.model.clone()
		group["rescue"] = append(g.sequence(1, depth+1), g.failing())
		g.model, g.ids = saved, ids
	case 2: // it fails, and is given up
		g.early()
		group["steps"] = append(group["steps"].([]any), g.failing())
		group["allow-failure"] = true
		g.model, g.ids, fails = before, ids, true
	case 3: // its first attempt fails
		g.early()
		group["steps"] = append(group["steps"].([]any), g.flaky())
		group["retry"] = fields{"attempts": 2, "delay": "5ms"}
	}
	if g.IntN(4) == 0 {
		group["finally"] = []any{g.say("finally")}
	}
	if g.IntN(5) == 0 {
		group["undo"] = []any{g.say("group-undo")}
	}
	if g.IntN(6) == 0 {
		group["undo-last"] = []any{tells(choose(g, programs))}
	}
	if g.IntN(8) == 0 && !fails {
		group["when"] = "inputs.no"
		g.model, g.ids = before, ids
	}
	return group
}

// early notes that something around may be rolled back before the run turns back.
func (g *generator) early() {
	if g.parallel != 0 {
		g.loose[g.parallel] = true
	}
}

func (m model) clone() model {
	same := model{}
	for name, what := range m {
		same[name] = what
	}
	return same
}

// branches makes a parallel: each branch has areas of its own.
func (g *generator) branches(depth int) fields {
	mine, parallel, branch := g.areas, g.parallel, g.branch
	g.number++
	g.parallel = g.number
	shuffled := slices.Clone(mine)
	g.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
	count := 2 + g.IntN(len(shuffled)-1)
	ids := g.ids
	var branches []any
	for n := range count {
		g.areas, g.branch, g.ids = nil, n, nil
		for k := n; k < len(shuffled); k += count {
			g.areas = append(g.areas, shuffled[k])
		}
		branches = append(branches, fields{"steps": g.sequence(1+g.IntN(3), depth+1)})
	}
	if g.IntN(6) == 0 {
		g.branch = g.IntN(count)
		last := branches[g.branch].(fields)
		last["steps"] = append(last["steps"].([]any), g.failing())
		g.early() // a branch that is cancelled is rolled back with the rest, but its siblings may continue meanwhile
	}
	g.areas, g.parallel, g.branch, g.ids = mine, parallel, branch, ids
	step := fields{"parallel": branches}
	if g.IntN(3) == 0 {
		step["limit"] = 1 + g.IntN(2)
	}
	return step
}

// eachGroup makes rounds of a group.
func (g *generator) eachGroup(depth int) fields {
	g.number++
	g.rounds = g.number
	in := g.model.directory(g.Rand, g.areas)
	base := fmt.Sprintf("%s/round-%d", in, g.number)
	items := []string{"x", "y y", "z"}[:1+g.IntN(3)]
	inner := []any{
		fields{"mkdir": fields{"path": target(base + "-${{ item }}")}},
		fields{"write": fields{"path": target(base + "-${{ item }}/file"), "content": "round ${{ index }}\n"}},
	}
	if g.IntN(2) == 0 {
		inner = append(inner, g.marking(fields{}))
	}
	if g.IntN(3) == 0 {
		inner = append(inner, g.takes())
	}
	if from := g.model.pick(g.Rand, g.areas, file, wild); from != "" && g.IntN(2) == 0 {
		inner = append(inner, fields{"copy": fields{"from": target(from), "to": target(base + "-${{ item }}/copy")}})
	}
	g.rounds = 0
	for _, item := range items {
		g.model[base+"-"+item] = wild
	}
	step := fields{"for-each": items, "steps": inner}
	if g.IntN(4) == 0 {
		step["when"] = `item != "x"`
	}
	return step
}

// uses makes a recipe of its own, and the step that uses it.
func (g *generator) uses() fields {
	g.number++
	name := fmt.Sprintf("used-%d.yaml", g.number)
	mine := g.areas
	before := g.IntN(2) == 0
	g.areas = mine[:1]
	ids := g.ids
	g.ids = nil
	inner := fields{
		"gwe": 1, "name": "used",
		"inputs": inputs(),
		"steps":  g.sequence(1+g.IntN(3), 2),
	}
	if before {
		inner["finally"] = []any{g.say("finally")}
	}
	g.areas, g.ids = mine, ids
	g.recipe.used[name] = marshal(inner)
	return fields{"use": "./" + name, "with": fields{
		"target": target(""), "marks": "${{ inputs.marks }}", "supplies": "${{ inputs.supplies }}",
	}}
}
