package engine_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/recipes"
	"github.com/gwe-project/gwe/steps"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestReference: each block of docs/recipes.md is a recipe, or a list of steps, that says what it means.
func TestReference(t *testing.T) {
	page, err := os.ReadFile("../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 7 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	for _, block := range blocks {
		source := block[1]
		if !strings.HasPrefix(source, "gwe: 1") {
			source = "gwe: 1\nname: block\nsteps:\n  " + strings.ReplaceAll(strings.TrimSpace(source), "\n", "\n  ") + "\n"
		}
		_, diagnostics := engine.LoadFrom(engine.Files{Shipped: recipes.Read}, "block.yaml", []byte(source), steps.Catalog())
		for _, one := range diagnostics {
			t.Errorf("%s\nline %d: %s: %s (%s)", source, one.Line, one.Rule, one.Message, one.Hint)
		}
	}
}
