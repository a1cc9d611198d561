package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/xattr"
)

// PortableAttribute reports whether an extended attribute means the same on another machine: those of users,
// and of the trusted and the security ones capabilities, IMA signatures and portable EVM signatures, say.
// Labels of SELinux, Smack and AppArmor are the policy's of each machine, an EVM digest is made with its key,
// and those of overlayfs are the file system's own.
func PortableAttribute(name string, value []byte) bool {
	const portableSignature = 5 // EVM_XATTR_PORTABLE_DIGSIG
	switch {
	case strings.HasPrefix(name, "user.overlay."), strings.HasPrefix(name, "trusted.overlay."), IsLabel(name):
		return false
	case name == "security.evm":
		return len(value) > 0 && value[0] == portableSignature
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.")
}

// IsLabel reports whether an extended attribute is a label of a security policy, which every machine gives by
// itself.
func IsLabel(name string) bool {
	return name == "security.selinux" || name == "security.apparmor" || strings.HasPrefix(name, "security.SMACK64")
}

// IsAccessList reports whether an extended attribute is an access control list.
func IsAccessList(name string) bool { return name == xattr.AccessList || name == xattr.DefaultList }

// attributesMaximum is the most bytes of extended attributes that one entry may have: the reader of a tar
// takes 1 MiB of records.
const attributesMaximum = 512 << 10

// tarAttribute is how GNU tar --xattrs, star and bsdtar name an extended attribute in a record; "=" ends a
// record's name.
var (
	tarAttribute     = strings.NewReplacer("%", "%25", "=", "%3D")
	tarAttributeName = strings.NewReplacer("%3D", "=", "%25", "%")
)

// attributeRecord begins the name of such a record.
const attributeRecord = "SCHILY.xattr."

// attributes adds the extended attributes of an open file or directory to its header.
func (t *tree) attributes(header *tar.Header, name string, file *os.File) error {
	if t.plain {
		return nil
	}
	return t.attributesBy(header, name, xattr.Of(int(file.Fd())))
}

// attributesOfLink adds those of a symbolic link, which cannot be opened, by the directory that it lies in.
func (t *tree) attributesOfLink(header *tar.Header, name string) error {
	if t.plain {
		return nil
	}
	above, err := t.root.OpenFile(path.Dir(name), os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return t.unreadable(name, err)
	}
	defer above.Close()
	return t.attributesBy(header, name, xattr.At(int(above.Fd()), path.Base(name)))
}

func (t *tree) attributesBy(header *tar.Header, name string, entry xattr.Place) error {
	names, err := entry.Names()
	if err != nil {
		return t.attributeError(name, err)
	}
	total := 0
	for _, attribute := range names {
		if IsLabel(attribute) {
			continue
		}
		if IsAccessList(attribute) {
			t.leaves("access control lists", name)
			continue
		}
		value, err := entry.Get(attribute)
		if errors.Is(err, unix.ENODATA) {
			return t.moved(name)
		}
		if err != nil {
			return t.attributeError(name, err)
		}
		if !PortableAttribute(attribute, value) {
			t.leaves(attribute, name)
			continue
		}
		if total += len(value); total > attributesMaximum {
			return refuse("pack-attributes", "%s has more than %d KiB of extended attributes", path.Join(t.directory, name), attributesMaximum>>10).
				WithHint("remove what is not needed (getfattr -d -m - FILE shows them), or pack with --no-xattrs")
		}
		if header.PAXRecords == nil {
			header.PAXRecords, header.Format = map[string]string{}, tar.FormatPAX
		}
		header.PAXRecords[attributeRecord+tarAttribute.Replace(attribute)] = string(value)
	}
	return nil
}

func (t *tree) attributeError(name string, err error) error {
	return fault.New(fault.Failed, "pack-unreadable", "cannot read the extended attributes of %s", path.Join(t.directory, name)).WithCause(err).
		WithHint("pack as a user who may read the whole directory, or with --no-xattrs")
}

// left counts the entries of which one kind of attribute is not packed.
type left struct {
	kind, first string
	count       int
}

// leaves notes that an attribute of an entry is not packed.
func (t *tree) leaves(kind, name string) {
	at := slices.IndexFunc(t.left, func(one left) bool { return one.kind == kind })
	if at < 0 {
		t.left = append(t.left, left{kind: kind, first: name})
		at = len(t.left) - 1
	}
	t.left[at].count++
}

// leftMaximum is how many kinds of attributes that are not packed are named.
const leftMaximum = 10

// warnings says what of the tree is not in the package.
func (t *tree) warnings() []string {
	var lines []string
	for _, one := range t.left[:min(len(t.left), leftMaximum)] {
		lines = append(lines, fmt.Sprintf("not packed: %s of %q (%d in all), which no package keeps", one.kind, one.first, one.count))
	}
	return lines
}
