package main

import (
	"github.com/gwe-project/gwe/cmd/gwe/command"
	"github.com/gwe-project/gwe/steps"
)

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release string

func main() {
	command.Line{Catalog: steps.Catalog(), Release: release}.Main()
}
