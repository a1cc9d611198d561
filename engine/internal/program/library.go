package program

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/schema"
)

// Library finds the recipes that others use.
type Library interface {
	// Find gives the recipe that the one in the file from calls by that name: a path, or the bare name of a
	// shipped recipe. The file is what diagnostics call it, and by it recipes that use each other in a circle
	// are found out. The error is shown after the name.
	Find(from, name string) (file string, source []byte, err error)
}

// Files is the library of a machine: files, named from the directory of the recipe that uses them.
type Files struct {
	// Shipped gives a recipe by its bare name; nil where none are shipped.
	Shipped func(name string) ([]byte, error)
}

// Find implements Library.
func (f Files) Find(from, name string) (string, []byte, error) {
	if schema.Shipped(name) {
		if f.Shipped == nil {
			return "", nil, errors.New("no recipes are shipped here")
		}
		source, err := f.Shipped(name)
		return "recipes/" + name + ".yaml", source, err
	}
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(from), file)
	}
	// A byte more than a recipe may have is enough to refuse a file of any size.
	source, err := regular.ReadHead(context.Background(), file, schema.MaxBytes+1)
	return file, source, err
}

// usedFile is a recipe that a program uses, as it was read.
type usedFile struct {
	from, name, file string
	source           []byte
}

// Frozen is the library of a recovery: the copies that lie beside the run's journal, whatever became of the
// files.
type Frozen struct {
	Directory runstate.RunDirectory
	Uses      []runstate.UseRecord
}

// Find implements Library.
func (f Frozen) Find(from, name string) (string, []byte, error) {
	for _, use := range f.Uses {
		if use.From != from || use.Name != name {
			continue
		}
		source, err := regular.Read(f.Directory.Used(use.Digest))
		if err == nil && runstate.Digest(source) != use.Digest {
			err = fmt.Errorf("%s is not the copy that the run began with: put the one of SHA-256 %s back", f.Directory.Used(use.Digest), use.Digest)
		}
		return use.File, source, err
	}
	return "", nil, errors.New("the run began without it")
}
