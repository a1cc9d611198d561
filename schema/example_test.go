package schema_test

import (
	"fmt"

	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// A recipe is parsed without being compiled: its shape is checked, and each part knows where it stands.
func ExampleParse() {
	recipe, diagnostics := schema.Parse("greet.yaml", []byte("gwe: 1\nname: greet\nsteps:\n  - mkdir: /srv/app\n"), steps.Catalog())
	fmt.Println(recipe.Name.Text, len(recipe.Steps), diagnostics.HasErrors())
	// Output: greet 1 false
}
