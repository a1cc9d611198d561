package archive

import (
	"archive/tar"
	"io"
	"slices"
)

// passedDirectory is a directory that the selection does not name, but whose inside it may name yet.
type passedDirectory struct {
	parts []string
	attributes
}

// pass goes past an entry that the selection does not name.
func (x *extraction) pass(e entry, wanted attributes, content io.Reader) error {
	if e.Typeflag == tar.TypeDir && !x.exclude.match(e.parts) {
		x.passed = append(x.passed, passedDirectory{e.parts, wanted})
	}
	return x.heed(e, content)
}

// heed reads the package's own list of files to copy, where an entry that is not taken is that list: it
// counts in any case.
func (x *extraction) heed(e entry, content io.Reader) error {
	if e.path() != copyList || e.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := x.readCopyList(e, content)
	return err
}

// leavePassed forgets the directories that the entry does not lie in: archives are written directory by
// directory.
func (x *extraction) leavePassed(e entry) {
	for len(x.passed) > 0 {
		last := x.passed[len(x.passed)-1].parts
		if len(last) < len(e.parts) && slices.Equal(last, e.parts[:len(last)]) {
			return
		}
		x.passed = x.passed[:len(x.passed)-1]
	}
}

// passedAt gives the attributes of a directory in which the cursor is about to stand, if it was passed.
func (x *extraction) passedAt(name string) (attributes, bool) {
	for _, one := range x.passed {
		if len(one.parts) == len(x.into.open)+1 && one.parts[len(one.parts)-1] == name {
			return one.attributes, true
		}
	}
	return attributes{}, false
}
