package conformance

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	snake = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// modifiers are the keys of a step beside its action.
var modifiers = []string{"id", "name", "when", "until", "timeout", "retry", "for-each", "undo", "undo-last", "effects", "allow-failure"}

// checkAbout: the reference, the schema and the plan are made of the description, so nothing may be missing
// in it.
func checkAbout(t T, c Case) {
	about, arguments, outputs := c.Type.About(), c.Type.Arguments(), c.Type.Outputs()
	if !kebab.MatchString(about.Name) {
		t.Errorf("the name %q is not kebab-case", about.Name)
	}
	for _, exempt := range []map[string]string{c.Untimed, c.Varied} {
		for name, reason := range exempt {
			if strings.TrimSpace(reason) == "" {
				t.Errorf("%s is exempt without a reason", name)
			}
		}
	}
	checkSummary(t, about.Summary)
	if strings.TrimSpace(about.Doc) == "" {
		t.Error("there is no Doc")
	}
	for _, field := range arguments.Fields {
		checkField(t, "argument", field, kebab)
	}
	for _, field := range outputs.Fields {
		checkField(t, "output", field, snake)
	}
	for _, effect := range about.Effects {
		if _, known := arguments.Field(effect.Argument); !known && !(!effect.Kind.OnPath() && effect.Argument == "") {
			t.Errorf("the effect %q names the argument %q, which does not exist", effect.Kind, effect.Argument)
		}
	}
	if about.Undo != "" && len(about.Effects) == 0 {
		t.Error("a type without effects has nothing to undo, but its Undo says something")
	}
	if _, known := arguments.Field(about.Scalar); about.Scalar != "" && !known {
		t.Errorf("Scalar names the argument %q, which does not exist", about.Scalar)
	}
	checkExample(t, about, arguments)
}

func checkSummary(t T, summary string) {
	switch {
	case summary == "":
		t.Error("there is no Summary")
	case strings.Contains(summary, "\n") || strings.HasSuffix(summary, "."):
		t.Errorf("the Summary is not one line without a full stop: %q", summary)
	case !unicode.IsUpper([]rune(summary)[0]):
		t.Errorf("the Summary does not start with a capital: %q", summary)
	}
}

func checkField(t T, kind string, field value.Field, form *regexp.Regexp) {
	if !form.MatchString(field.Name) {
		t.Errorf("%s %q is not named like one", kind, field.Name)
	}
	if field.Help == "" || strings.Contains(field.Help, "\n") {
		t.Errorf("%s %q has no line of help", kind, field.Name)
	}
	if len(field.Enum) > 0 && field.Default != "" && !slices.Contains(field.Enum, field.Default) {
		t.Errorf("%s %q has a default outside its enum: %q", kind, field.Name, field.Default)
	}
}

// checkExample: the example is one step of this type, with known arguments and all that are required.
func checkExample(t T, about step.About, arguments value.Type) {
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(about.Example), &keys); err != nil {
		t.Errorf("the Example is not one step as YAML: %v", err)
		return
	}
	for key := range keys {
		if key != about.Name && !slices.Contains(modifiers, key) {
			t.Errorf("the Example has the key %q", key)
		}
	}
	action, found := keys[about.Name]
	if !found {
		t.Errorf("the Example has no key %q", about.Name)
		return
	}
	if action.Kind == yaml.ScalarNode && about.Scalar != "" {
		return
	}
	var given map[string]any
	if err := action.Decode(&given); err != nil {
		t.Errorf("the Example's arguments are not a mapping: %v", err)
		return
	}
	for name := range given {
		if _, known := arguments.Field(name); !known {
			t.Errorf("the Example gives the argument %q, which does not exist", name)
		}
	}
	for _, field := range arguments.Fields {
		if _, there := given[field.Name]; field.Required && !there {
			t.Errorf("the Example lacks the required argument %q", field.Name)
		}
	}
}
