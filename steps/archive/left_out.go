package archive

import (
	"archive/tar"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/bundle"
)

// leftOut counts the entries of which one kind of attribute was not restored.
type leftOut struct {
	kind, first string
	count       int
}

// mostLeftOut bounds the kinds that are counted: an archive may make up as many names as it likes.
const mostLeftOut = 10

// countLeft notes which attributes of an entry are not restored. Labels are every machine's own.
func (x *extraction) countLeft(header *tar.Header) {
	for key, value := range header.PAXRecords {
		name, is := strings.CutPrefix(key, extendedPrefix)
		name = extendedName.Replace(name)
		switch {
		case strings.HasPrefix(key, "SCHILY.acl."), is && bundle.IsAccessList(name):
			x.leaves("access control lists", header)
		case is && !bundle.IsLabel(name) && !x.restores(name, []byte(value)):
			x.leaves(name, header)
		}
	}
}

// leaves notes that an attribute of an entry is not restored.
func (x *extraction) leaves(kind string, header *tar.Header) {
	at := slices.IndexFunc(x.left, func(one leftOut) bool { return one.kind == kind })
	if at < 0 {
		if len(x.left) == mostLeftOut {
			return
		}
		at = len(x.left)
		x.left = append(x.left, leftOut{kind: kind, first: header.Name})
	}
	x.left[at].count++
}

// text is the warning for it.
func (l leftOut) text() string {
	line := fmt.Sprintf("not restored: %s of %q (%d in all)", l.kind, l.first, l.count)
	switch {
	case strings.HasPrefix(l.kind, "access"):
		return line + ": gwe restores no access control lists; give them in a hook of the release"
	case strings.HasPrefix(l.kind, "security.evm"), strings.Contains(l.kind, ".overlay."):
		return line + ": it holds for the machine on which it was packed only"
	case strings.HasPrefix(l.kind, "security."), strings.HasPrefix(l.kind, "trusted."):
		return line + ": gwe does not run as root, who alone may give it"
	}
	return line + ": it is not an attribute that gwe knows"
}
