// Package starter holds a first recipe and its tests, with comments; `gwe init` writes them.
package starter

import _ "embed"

// Recipe is a commented recipe, settings.yaml; Tests are its tests, settings.test.yaml.
var (
	//go:embed settings.yaml
	Recipe []byte
	//go:embed settings.test.yaml
	Tests []byte
)
