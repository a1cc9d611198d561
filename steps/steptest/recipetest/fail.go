package recipetest

import (
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// FailEverywhere lets the recipe fail after each of its steps: by a step that is put in there, and always
// fails. Up to the commit everything is rolled back (exit code 3); after it the new version stays (7).
// arrange makes the machine as it was; check is told whether the run had committed.
func (b *Bench) FailEverywhere(file string, inputs map[string]string, arrange func(), check func(committed bool)) (failures int) {
	b.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	committed := false
	for at := 1; ; at++ {
		changed, behind, more := failingBehind(b, source, at)
		if !more {
			return failures
		}
		path := filepath.Join(b.scratch, "failing.yaml")
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			b.Fatal(err)
		}
		code := 3
		if committed = committed || behind == "commit"; committed {
			code = 7
		}
		arrange()
		b.WantExit(code, path, inputs)
		check(committed)
		if failures++; b.Failed() {
			b.Fatalf("(failed after step %d, %s)\n%s", at, behind, b.said.text())
		}
	}
}

// failingBehind puts a step that fails after the nth one, and gives the key that names that one: its type,
// or "commit".
func failingBehind(b *Bench, source []byte, nth int) (changed []byte, behind string, more bool) {
	b.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(source, &document); err != nil {
		b.Fatal(err)
	}
	recipe := document.Content[0]
	for i := 0; i < len(recipe.Content); i += 2 {
		steps := recipe.Content[i+1]
		if recipe.Content[i].Value != "steps" || nth > len(steps.Content) {
			continue
		}
		for k := 0; k < len(steps.Content[nth-1].Content); k += 2 {
			if key := steps.Content[nth-1].Content[k].Value; behind == "" || key == "commit" {
				behind = key
			}
		}
		var failing yaml.Node
		if err := failing.Encode(map[string]any{"run": map[string]any{"argv": []string{"false"}}, "undo": "none"}); err != nil {
			b.Fatal(err)
		}
		steps.Content = append(steps.Content[:nth:nth], append([]*yaml.Node{&failing}, steps.Content[nth:]...)...)
		more = true
	}
	if !more {
		return nil, "", false
	}
	changed, err := yaml.Marshal(&document)
	if err != nil {
		b.Fatal(err)
	}
	return changed, behind, true
}
