package engine

import (
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// LoadUnproven is Load without the proofs: tests of the engine run what no recipe should say.
func LoadUnproven(library Library, file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return program.Compile(library, file, source, catalog)
}
