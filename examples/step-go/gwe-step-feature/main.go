// Command gwe-step-feature is the step type feature as a plugin, for a gwe that was not built with it.
package main

import (
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/examples/step-go/feature"
)

func main() { plugin.Main(feature.Type()) }
