//go:build amd64

package main

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// kind is what is at a path.
type kind int

const (
	file kind = iota
	directory
	link
	// wild is a directory of which nobody knows what is in it.
	wild
)

// model is what the generator believes of the tree, by path below its top: it makes steps of which most can
// work. Where it is wrong the run fails and must roll everything back, which is a trial too.
type model map[string]kind

func (m model) remove(name string) {
	for other := range m {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(m, other)
		}
	}
}

func (m model) copy(from, to string) {
	for other, what := range maps.Clone(m) {
		if other == from || strings.HasPrefix(other, from+"/") {
			m[to+strings.TrimPrefix(other, from)] = what
		}
	}
}

func (m model) move(from, to string) {
	m.remove(to)
	m.copy(from, to)
	m.remove(from)
}

// pick chooses one of the kinds in the areas, not an area itself; "" where there is none.
func (m model) pick(random *rand.Rand, areas []string, kinds ...kind) string {
	var found []string
	for name, what := range m {
		if slices.Contains(kinds, what) && slices.ContainsFunc(areas, func(area string) bool { return strings.HasPrefix(name, area+"/") }) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return found[random.IntN(len(found))]
}

// directory chooses a directory, an area too.
func (m model) directory(random *rand.Rand, areas []string) string {
	found := slices.Clone(areas)
	for name, what := range m {
		if what == directory && slices.ContainsFunc(areas, func(area string) bool { return strings.HasPrefix(name, area+"/") }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found[random.IntN(len(found))]
}

// names are those that trees have and that programs stumble over.
var names = []string{"a", "b.conf", "d e", "ü", "new\nline", "-dash", "*", "[x]", "back\\slash", "\"q\"", ".hidden", "tab\t", "it's", "%s", "x.pyc"}

// fresh chooses a name in the directory that is not there yet.
func (m model) fresh(random *rand.Rand, in string) string {
	name := path.Join(in, names[random.IntN(len(names))])
	for _, taken := m[name]; taken; _, taken = m[name] {
		name += string(rune('0' + random.IntN(10)))
	}
	return name
}
