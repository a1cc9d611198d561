package rule

import "strings"

// Rule is one thing that a recipe, or a file of tests, has to do, or not to do.
type Rule struct {
	// ID is kebab-case and stable: "unknown-key".
	ID string
	// Warning is set where a recipe that breaks the rule is valid all the same.
	Warning bool
	// Note is set where gwe validate only says what a recipe costs.
	Note bool
	// Summary says in one line what is wrong with a recipe that breaks it, without a full stop.
	Summary string
	// Why says why that is refused, and how to put it right.
	Why string
	// Wrong is a recipe that breaks the rule, and Right the same recipe put right. Both are "" where an
	// example would be too long or could not be seen: a file that is too large, a control character, a recipe
	// and its tests.
	Wrong, Right string
}

// All lists every rule, by theme.
func All() []Rule {
	var all []Rule
	for _, theme := range [][]Rule{files(), grammar(), steps(), values(), inputs(), expressions(), proofs(), meaning(), traps(), tests()} {
		all = append(all, theme...)
	}
	return all
}

// Find gives the rule of that id.
func Find(id string) (Rule, bool) {
	for _, one := range All() {
		if one.ID == id {
			return one, true
		}
	}
	return Rule{}, false
}

// recipe is a whole recipe with these lines.
func recipe(lines string) string { return "gwe: 1\nname: example\n" + lines + "\n" }

// step is a recipe with these steps.
func step(lines string) string {
	return recipe("steps:\n  " + strings.ReplaceAll(lines, "\n", "\n  "))
}

// with is a recipe with these lines and a step that reads what they declare.
func with(lines, read string) string {
	return recipe(lines + "\nsteps:\n  - run: { argv: [app, --check], env: { VALUE: \"" + read + "\" } }\n    effects: none")
}
