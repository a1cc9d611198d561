package program

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Given is an input as somebody gave it.
type Given struct {
	// Value is a string or a value.Document, which are read by the input's type, or a value that was decoded
	// already.
	Value any
	// Directory is what a relative path in it is relative to.
	Directory string
	// Open is true where the value came in the clear: by -i NAME=VALUE. A secret may not.
	Open bool
	// Variable is the environment variable that it came from, or "". Where it is a secret, the variable goes
	// from this process's environment, so that no other gwe is started with it.
	Variable string
}

// Inputs are a recipe's inputs by name.
type Inputs map[string]Given

// Resolve checks what was given against what the recipe declares, fills in the defaults, and reports all that
// is wrong at once.
func (p *Program) Resolve(given Inputs) (map[string]any, error) {
	values := map[string]any{}
	var problems []string
	known := map[string]bool{}
	var names []string
	// A relative default is relative to the file that says it.
	directory, err := filepath.Abs(filepath.Dir(p.Recipe.File))
	if err != nil {
		return nil, err
	}
	for _, input := range p.Recipe.Inputs {
		name := input.Name.Text
		known[name] = true
		names = append(names, name)
		one, ok := given[name]
		if !ok {
			if input.Required {
				problems = append(problems, fmt.Sprintf("input %s is required: -i %s=%s", name, name, strings.ToUpper(input.Type.String())))
			} else if input.Default != nil {
				values[name] = Absolute(input.Type, input.Default, directory)
			}
			continue
		}
		v, err := one.resolve(input)
		if one.Variable != "" && input.Type.HoldsSecret() {
			_ = os.Unsetenv(one.Variable)
		}
		if err == nil {
			err = input.Check(v)
		} else {
			err = fmt.Errorf("the input %s: %w", name, err)
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		values[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !known[name] {
			problem := fmt.Sprintf("the recipe has no input %q", name)
			if close := value.Closest(name, names); close != "" {
				problem += fmt.Sprintf(": did you mean %q?", close)
			}
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return nil, inputFault(problems, p)
	}
	return values, nil
}

func inputFault(problems []string, p *Program) error {
	return fault.New(fault.Refused, "input-invalid", "%s", strings.Join(problems, "; ")).
		WithHint("`gwe run %s --help` lists the inputs", p.Recipe.File)
}

func (g Given) resolve(input *schema.Input) (any, error) {
	if input.Type.HoldsSecret() && g.Open {
		return nil, fmt.Errorf("a secret on the command line can be read by everyone: give %s=@FILE, %s=env:VARIABLE or %s=fd:NUMBER",
			input.Name.Text, input.Name.Text, input.Name.Text)
	}
	var v any
	var err error
	switch given := g.Value.(type) {
	case string:
		v, err = value.Parse(input.Type, given)
	case value.Document:
		v, err = given.As(input.Type)
	default:
		v, err = value.Convert(input.Type, given)
	}
	if err != nil {
		if text, isText := g.Value.(string); isText && input.Type.Kind == value.KindList && !strings.HasPrefix(strings.TrimSpace(text), "[") {
			return nil, fmt.Errorf("%w; accepted is %s, in brackets: -i '%s=[%s]'", err, input.Accepts(), input.Name.Text, text)
		}
		return nil, fmt.Errorf("%w; accepted is %s", err, input.Accepts())
	}
	return Absolute(input.Type, v, g.Directory), nil
}

// Absolute makes every path in a value absolute: the run may be recovered from anywhere. An http or https
// address stays: some arguments take one, and all others refuse it.
func Absolute(t value.Type, v any, directory string) any {
	switch v := v.(type) {
	case string:
		if t.Kind == value.KindPath && v != "" && !filepath.IsAbs(v) && !value.IsAddress(v) {
			return filepath.Join(directory, v)
		}
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = Absolute(*t.Elem, v[i], directory)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(v))
		for name := range v {
			members[name] = Absolute(*t.Elem, v[name], directory)
		}
		return members
	}
	return v
}
