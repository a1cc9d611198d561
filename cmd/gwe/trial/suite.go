package trial

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Suffix is how the name of a file of tests ends: that of ota.yaml is ota.test.yaml.
const Suffix = ".test.yaml"

// Suite is a file of tests together with its recipe.
type Suite struct {
	*schema.Suite
	recipe Recipe
}

// Recipe is the recipe of a file of tests.
type Recipe struct {
	// Operand is what names it on a command line: a path, or the name of a shipped recipe.
	Operand string
	// Shipped is the source of a shipped one; nil where it is a file.
	Shipped []byte
	Program *engine.Program
}

// shown is what people call the recipe: its path, or the file name of a shipped one.
func (r Recipe) shown() string {
	if r.Shipped != nil {
		return r.Operand + ".yaml"
	}
	return filepath.Clean(r.Operand)
}

// Load reads a file of tests and checks it against its recipe, which find compiles. What is wrong with the
// recipe comes as the error. The suite is nil where the diagnostics have errors.
func Load(file string, source []byte, find func(operand string) (Recipe, error)) (*Suite, schema.Diagnostics, error) {
	parsed, diagnostics := schema.ParseSuite(file, source)
	if parsed == nil || diagnostics.HasErrors() {
		return nil, diagnostics, nil
	}
	recipe, err := find(recipeOf(parsed))
	if err != nil {
		return nil, diagnostics, err
	}
	suite := &Suite{parsed, recipe}
	for _, one := range parsed.Cases {
		diagnostics = append(diagnostics, suite.check(one)...)
	}
	if diagnostics = diagnostics.Sorted(); diagnostics.HasErrors() {
		return nil, diagnostics, nil
	}
	return suite, diagnostics, nil
}

// recipeOf is what the file says, or else the recipe beside it.
func recipeOf(suite *schema.Suite) string {
	said := strings.TrimSuffix(filepath.Base(suite.File), Suffix) + ".yaml"
	if suite.Recipe != nil {
		said = suite.Recipe.Text
	}
	if filepath.IsAbs(said) || !strings.Contains(said, "/") && !strings.HasSuffix(said, ".yaml") && !strings.HasSuffix(said, ".yml") {
		return said
	}
	// With a slash at least, so that it is never the name of a shipped one.
	return filepath.Dir(suite.File) + "/" + said
}

// check looks at the inputs of a case as -i does, and at what its outputs are called.
func (s *Suite) check(one *schema.Case) schema.Diagnostics {
	var found schema.Diagnostics
	report := func(at schema.Span, rule, message, hint string) {
		found = append(found, schema.Diagnostic{Severity: schema.Error, Rule: rule, File: s.File, Span: at, Message: message, Hint: hint})
	}
	declared := map[string]*schema.Input{}
	var names []string
	for _, input := range s.recipe.Program.Recipe.Inputs {
		declared[input.Name.Text] = input
		names = append(names, input.Name.Text)
	}
	given := s.inputs(one)
	for _, binding := range given {
		input, known := declared[binding.Name.Text]
		if !known {
			report(binding.Name.Span, "unknown-input", fmt.Sprintf("the recipe has no input %q", binding.Name.Text), closest(binding.Name.Text, names))
			continue
		}
		if err := accepts(input, schema.Decode(binding.Value)); err != nil {
			hint := ""
			if f := fault.As(err); f != nil {
				hint = f.Hint
			}
			report(binding.Value.Where(), "wrong-input", err.Error(), hint)
		}
	}
	for _, input := range s.recipe.Program.Recipe.Inputs {
		if input.Required && !slices.ContainsFunc(given, func(b schema.Binding) bool { return b.Name.Text == input.Name.Text }) {
			report(one.Name.Span, "missing-input", fmt.Sprintf("the case gives no input %s, which the recipe requires", input.Name.Text),
				fmt.Sprintf("add inputs: { %s: %s }", input.Name.Text, strings.ToUpper(input.Type.String())))
		}
	}
	if one.Expect == nil {
		return found
	}
	var outputs []string
	for _, output := range s.recipe.Program.Recipe.Outputs {
		outputs = append(outputs, output.Name.Text)
	}
	for _, binding := range one.Expect.Outputs {
		if !slices.Contains(outputs, binding.Name.Text) {
			report(binding.Name.Span, "unknown-output", fmt.Sprintf("the recipe has no output %q", binding.Name.Text), closest(binding.Name.Text, outputs))
		}
	}
	var standIns []string
	for _, standIn := range s.standIns(one) {
		standIns = append(standIns, standIn.Name.Text)
	}
	for _, calls := range one.Expect.Calls {
		if !slices.Contains(standIns, calls.Name.Text) {
			report(calls.Name.Span, "unknown-stand-in", fmt.Sprintf("nothing stands in for %s", calls.Name.Text), closest(calls.Name.Text, standIns))
		}
	}
	return found
}

// accepts reports whether an input takes a value.
func accepts(input *schema.Input, given any) error {
	var v any
	var err error
	if text, ok := given.(string); ok {
		v, err = value.Parse(input.Type, text)
	} else {
		v, err = value.Convert(input.Type, given)
	}
	if err != nil {
		return fmt.Errorf("the input %s: %w", input.Name.Text, err)
	}
	return input.Check(v)
}

func closest(name string, known []string) string {
	if found := value.Closest(name, known); found != "" {
		return fmt.Sprintf("did you mean %q?", found)
	}
	if len(known) == 0 {
		return ""
	}
	return "expected one of: " + strings.Join(known, ", ")
}

// inputs are the file's, and the case's over them.
func (s *Suite) inputs(one *schema.Case) []schema.Binding {
	return over(s.Setup.Inputs, one.Inputs, func(b schema.Binding) string { return b.Name.Text })
}

// fixture is the file's, and the case's over it: what a case puts at a path takes the place of all that the
// file has there and below; around what is below, a directory or a mount point stands.
func (s *Suite) fixture(one *schema.Case) []*schema.Placed {
	shared := slices.DeleteFunc(slices.Clone(s.Setup.Fixture), func(shared *schema.Placed) bool {
		return slices.ContainsFunc(one.Fixture, func(own *schema.Placed) bool {
			around := own.Kind == schema.PlacedDirectory || own.Kind == schema.PlacedMount
			return own.Path.Text == shared.Path.Text || !around && below(shared.Path.Text, own.Path.Text)
		})
	})
	return append(shared, one.Fixture...)
}

func (s *Suite) standIns(one *schema.Case) []*schema.StandIn {
	return over(s.Setup.StandIns, one.StandIns, func(i *schema.StandIn) string { return i.Name.Text })
}

func (s *Suite) ignored(one *schema.Case) []string {
	var paths []string
	for _, path := range append(slices.Clone(s.Ignore), one.Ignore...) {
		paths = append(paths, path.Text)
	}
	return paths
}

// over puts what a case says over what the file says, by name.
func over[T any](shared, own []T, name func(T) string) []T {
	all := slices.Clone(shared)
	for _, one := range own {
		if at := slices.IndexFunc(all, func(other T) bool { return name(other) == name(one) }); at >= 0 {
			all[at] = one
		} else {
			all = append(all, one)
		}
	}
	return all
}
