package steps_test

import (
	"fmt"

	"github.com/gwe-project/gwe/steps"
)

// A program with gwe inside takes the whole catalog, and may append step types of its own.
func ExampleCatalog() {
	one, found := steps.Catalog().Find("swap-link")
	fmt.Println(found, one.About().Name)
	// Output: true swap-link
}
