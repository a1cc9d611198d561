package archive

import (
	"archive/tar"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/xattr"
)

// extendedPrefix is how GNU tar --xattrs and star name them in PAX records. GNU tar writes "=" and "%" in a
// name as %3D and %25.
const extendedPrefix = "SCHILY.xattr."

var (
	extendedName   = strings.NewReplacer("%3D", "=", "%25", "%")
	extendedRecord = strings.NewReplacer("%", "%25", "=", "%3D")
)

// restores reports whether an attribute is restored: those of users, and for root capabilities, signatures of
// files and those of trusted programs. Labels are the policy's of this machine; access control lists are left
// out.
func (x *extraction) restores(name string, value []byte) bool {
	return bundle.PortableAttribute(name, value) && (x.owners || strings.HasPrefix(name, "user."))
}

// extendedIn gives the extended attributes that the archive has for an entry.
func (x *extraction) extendedIn(header *tar.Header) []xattr.Attribute {
	var found []xattr.Attribute
	for key, value := range header.PAXRecords {
		name, is := strings.CutPrefix(key, extendedPrefix)
		if name = extendedName.Replace(name); is && x.restores(name, []byte(value)) {
			found = append(found, xattr.Attribute{Name: name, Value: []byte(value)})
		}
	}
	slices.SortFunc(found, func(a, b xattr.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// extendedOf gives the extended attributes of an open file that would have been restored.
func (x *extraction) extendedOf(handle int) ([]xattr.Attribute, error) {
	found, err := xattr.Of(handle).All(func(name string) bool { return !bundle.IsLabel(name) })
	return slices.DeleteFunc(found, func(one xattr.Attribute) bool { return !x.restores(one.Name, one.Value) }), err
}

// setExtended gives an entry its extended attributes.
func (a attributes) setExtended(entry xattr.Place, base string) error {
	if err := entry.SetAll(a.extended); err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	return nil
}
