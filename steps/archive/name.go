package archive

import (
	"archive/tar"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

const (
	// longestName is the most bytes that Linux takes in one name, longestPath in one path with its end mark.
	longestName = 255
	longestPath = 4095
	// deepest is how many directories an entry may lie in. Each of them is held open while the entry is made.
	deepest = 200
)

// entry is an entry of an archive whose name was found good.
type entry struct {
	*tar.Header
	// parts are those of its path in the tree: none for the tree's own directory.
	parts []string
}

// entryOf checks the name of an entry and takes it apart.
func entryOf(header *tar.Header) (entry, error) {
	parts, why := split(header.Name)
	if why != "" {
		return entry{}, refuse(header, "archive-name", "%s", why)
	}
	if header.Typeflag != tar.TypeDir && strings.HasSuffix(header.Name, "/") {
		return entry{}, refuse(header, "archive-name", "it ends in a slash, but is not a directory")
	}
	return entry{Header: header, parts: parts}, nil
}

// directory is where the entry lies in the tree.
func (e entry) directory() []string { return e.parts[:len(e.parts)-1] }

// base is the entry's own name.
func (e entry) base() string { return e.parts[len(e.parts)-1] }

// path is the entry's path in the tree.
func (e entry) path() string { return strings.Join(e.parts, "/") }

// split takes a path of an archive apart, without "." and empty parts; why tells what is wrong with it, or is
// "".
func split(path string) (parts []string, why string) {
	switch {
	case path == "":
		return nil, "it has no name"
	case strings.HasPrefix(path, "/"):
		return nil, "its path is absolute"
	case strings.ContainsRune(path, 0):
		return nil, "its path holds a NUL character"
	case len(path) > longestPath:
		return nil, "its path is too long"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			return nil, `its path holds ".."`
		case len(part) > longestName:
			return nil, "its name is too long"
		}
		parts = append(parts, part)
	}
	if len(parts) > deepest {
		return nil, "it lies too deep"
	}
	return parts, ""
}

// checkTop checks the name that the release would get. It is printed, journaled and written in recipes, so it
// has to be plain text; and some names of a target directory have a meaning of their own.
func checkTop(header *tar.Header, top string) error {
	switch {
	case top == "current" || top == "failsafe":
		return refuse(header, "archive-top-level", "%q is not a name for a release: it is the name of a link", top).
			WithHint("pack a directory with another name")
	case strings.HasPrefix(top, durable.Prefix):
		return refuse(header, "archive-top-level", "names that start with %q are gwe's own", durable.Prefix).
			WithHint("pack a directory with another name")
	case !utf8.ValidString(top) || strings.ContainsFunc(top, func(r rune) bool { return !unicode.IsPrint(r) }):
		return refuse(header, "archive-top-level", "the name of a release is plain printable text").
			WithHint("pack a directory with another name")
	case len(top) > longestName-len("-9999"):
		return refuse(header, "archive-top-level", "the name of the release is too long")
	}
	return nil
}

// checkOwn refuses an entry with a name of gwe's own: copy and rsync leave such names alone, so a copy of the
// tree would lack it without a word.
func checkOwn(e entry) error {
	for _, part := range e.parts {
		if strings.HasPrefix(part, durable.Prefix) {
			return refuse(e.Header, "archive-own-name", "names that start with %q are gwe's own", durable.Prefix).
				WithHint("give it another name, or leave it out, and pack again")
		}
	}
	return nil
}

// refuse makes the fault for an entry that is not extracted.
func refuse(header *tar.Header, code, format string, arguments ...any) *fault.Fault {
	name := header.Name
	if len(name) > 300 {
		name = name[:300] + "..."
	}
	return fault.New(fault.Failed, code, "entry %q of the archive is refused: "+format, append([]any{name}, arguments...)...).
		WithHint("pack it again without such an entry: `gwe pack` makes none")
}
