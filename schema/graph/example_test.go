package graph_test

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/graph"
	"github.com/gwe-project/gwe/steps"
)

// A recipe is drawn for a page of documentation.
func ExampleMermaid() {
	recipe, _ := schema.Parse("greet.yaml", []byte("gwe: 1\nname: greet\nsteps:\n  - mkdir: /srv/app\n"), steps.Catalog())
	var drawn strings.Builder
	if err := graph.Mermaid(&drawn, recipe); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.SplitN(drawn.String(), "\n", 2)[0])
	// Output: flowchart TD
}
