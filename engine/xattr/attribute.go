package xattr

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Attribute is one extended attribute.
type Attribute struct {
	Name  string
	Value []byte
}

// All reads the attributes whose names are wanted, sorted by name; wanted nil wants all. One that goes
// meanwhile is left out.
func (p Place) All(wanted func(name string) bool) ([]Attribute, error) {
	names, err := p.Names()
	if err != nil {
		return nil, os.NewSyscallError("listxattr", err)
	}
	var all []Attribute
	for _, name := range names {
		if wanted != nil && !wanted(name) {
			continue
		}
		value, err := p.Get(name)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("getxattr "+name, err)
		}
		all = append(all, Attribute{name, value})
	}
	slices.SortFunc(all, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// SetAll sets attributes, in their order.
func (p Place) SetAll(all []Attribute) error {
	for _, one := range all {
		if err := p.Set(one.Name, one.Value); err != nil {
			return os.NewSyscallError("setxattr "+one.Name, err)
		}
	}
	return nil
}

// Equal reports whether two sorted lists are the same.
func Equal(a, b []Attribute) bool {
	return slices.EqualFunc(a, b, func(a, b Attribute) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}
