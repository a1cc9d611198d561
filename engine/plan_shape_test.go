package engine_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/value"
)

// TestThePlansShape: docs/plan.md tells of each member of a plan's JSON, and of no other. Programs rely on
// the names.
func TestThePlansShape(t *testing.T) {
	page, err := os.ReadFile("../docs/plan.md")
	if err != nil {
		t.Fatal(err)
	}
	fact, err := json.Marshal(engine.Fact{Name: "a", Type: value.Of(value.KindInt), Asked: true, Value: 1, Err: os.ErrNotExist})
	if err != nil {
		t.Fatal(err)
	}
	var ofFact map[string]any
	if err := json.Unmarshal(fact, &ofFact); err != nil {
		t.Fatal(err)
	}
	for title, want := range map[string][]string{
		"The plan": members[engine.Plan](),
		"A fact":   slices.Sorted(maps.Keys(ofFact)),
		"A step":   members[engine.PlannedStep](),
		"A space":  members[engine.PlannedSpace](),

		"A warning":   members[engine.Warning](),
		"A refusal":   members[engine.Refusal](),
		"A step name": members[engine.StepName](),
	} {
		_, below, found := strings.Cut(string(page), "### "+title+"\n")
		if !found {
			t.Errorf("docs/plan.md has no section %q", title)
			continue
		}
		table, _, _ := strings.Cut(below, "###")
		var told []string
		for _, match := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
			told = append(told, match[1])
		}
		slices.Sort(told)
		if !slices.Equal(told, want) {
			t.Errorf("%s: docs/plan.md tells of %v, the JSON has %v", title, told, want)
		}
	}
}

// members lists the names that a struct's exported fields have in JSON.
func members[T any]() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if field.IsExported() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" { // what is of the engine alone
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
