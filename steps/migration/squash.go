package migration

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// release is what a release has of migrations.
type release struct {
	// names are its migrations, oldest first, squashed ones and what they stand for included.
	names []string
	// squashes are those of them that stand for others, each with these.
	squashes map[string][]string
}

// Django's squashed migrations say what they stand for in the class's attribute replaces, a list of pairs of
// an application's label and a name ("Squashing migrations" in Django's documentation).
var (
	replacesList = regexp.MustCompile(`(?m)^[ \t]+replaces[ \t]*=[ \t]*\[([^\]]*)\]`)
	replacesPair = regexp.MustCompile(`\(\s*['"][^'"]*['"]\s*,\s*['"]([^'"]+)['"]\s*,?\s*\)`)
)

// replaced gives the migrations that the file stands for.
func replaced(machine step.Machine, directory, file string) (names []string, err error) {
	if filepath.Ext(file) != ".py" {
		return nil, nil
	}
	text, err := machine.ReadFile(filepath.Join(directory, file))
	if err != nil {
		return nil, durable.Explain(err, "the migration %s cannot be read", filepath.Join(directory, file))
	}
	if list := replacesList.FindSubmatch(text); list != nil {
		for _, pair := range replacesPair.FindAllSubmatch(list[1], -1) {
			names = append(names, string(pair[1]))
		}
	}
	return names, nil
}

// expand gives the migrations of a release, oldest first, with those that a squashed one stands for in its
// place. That one is squashed is known from either release: in a later one its replaces is gone.
func (r release) expand(squashes map[string][]string) []string {
	var all []string
	var visit func(name string, above []string)
	visit = func(name string, above []string) {
		if len(squashes[name]) == 0 || slices.Contains(above, name) {
			all = append(all, name)
			return
		}
		for _, one := range squashes[name] {
			visit(one, append(slices.Clone(above), name))
		}
	}
	for _, name := range r.names {
		visit(name, nil)
	}
	slices.SortFunc(all, older)
	return slices.Compact(all)
}

// spoken gives the name by which the release's own command knows a migration: a squashed one takes the place
// of those for which it stands. last are all that are to stay: a squashed one stays whole, or not at all.
func (r release) spoken(name string, stays []string, squashes map[string][]string) (string, error) {
	for _, squash := range r.names {
		if len(squashes[squash]) == 0 || slices.ContainsFunc(r.names, func(above string) bool { return slices.Contains(squashes[above], squash) }) {
			continue
		}
		whole := release{names: []string{squash}}.expand(squashes)
		if !slices.Contains(whole, name) {
			continue
		}
		for _, one := range whole {
			if !slices.Contains(stays, one) {
				return "", fault.New(fault.Refused, "migration-squashed", "%s stands for %s, of which %s is to be undone and %s is not", squash, strings.Join(whole, ", "), one, name).
					WithHint("go by way of a release that has all of these and does not have the squashed one yet")
			}
		}
		return squash, nil
	}
	return name, nil
}
