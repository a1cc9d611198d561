// Command acme-gwe is a vendor's own gwe: the whole command line, with a step type of the vendor's beside
// gwe's own.
package main

import (
	"github.com/gwe-project/gwe/cmd/gwe/command"
	"github.com/gwe-project/gwe/examples/step-go/feature"
	"github.com/gwe-project/gwe/steps"
)

func main() {
	command.Line{Catalog: append(steps.Catalog(), feature.Type()), Release: "acme-1"}.Main()
}
