package schema

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// PlacedKind is what stands at a path.
type PlacedKind string

const (
	PlacedFile      PlacedKind = "file"
	PlacedDirectory PlacedKind = "folder"
	PlacedLink      PlacedKind = "link"
	PlacedHardLink  PlacedKind = "hard-link"
	// PlacedPackage is a signed package that is made for the test.
	PlacedPackage PlacedKind = "package"
	// PlacedSignature is a detached signature that is made for the test, over the file at another path.
	PlacedSignature PlacedKind = "signature"
	// PlacedKeyring is a directory with the public halves of throw-away keys.
	PlacedKeyring PlacedKind = "keyring"
	// PlacedMount is a directory on which a file system is mounted.
	PlacedMount PlacedKind = "mount"
	// PlacedAbsent means that nothing is there.
	PlacedAbsent PlacedKind = "absent"
)

// Placed is one path of a fixture, or of a tree that is expected.
type Placed struct {
	// Path is absolute; within a package, relative to its one directory.
	Path Scalar
	Kind PlacedKind
	// Content is a file's; nil accepts any, in a tree that is expected.
	Content *string
	// Mode holds the permission bits and those for set-uid, set-gid and sticky; nil is the usual mode, or
	// accepts any.
	Mode *uint32
	// Target is where a link points to, the path that a hard link shares, or the file that a signature is
	// over.
	Target string
	// Files are a package's; SignedBy is the name of the key of a package or a signature.
	Files    []*Placed
	SignedBy string
	// Keys are those of a keyring.
	Keys []string
}

// isArchive reports whether a package is a plain archive, which holds no signature.
func (p *Placed) isArchive() bool {
	return strings.HasSuffix(p.Path.Text, ".tar.gz") || strings.HasSuffix(p.Path.Text, ".tar.zst")
}

// DefaultKey is the throw-away key that signs what names none in a fixture.
const DefaultKey = "vendor"

// pathRule says which paths a mapping of paths may have.
type pathRule bool

const (
	absolutePaths pathRule = true
	relativePaths pathRule = false
)

// placedKeys are the keys of an entry. The first ones say what it is, and only one of them stands there.
var (
	expectedKeys = []string{"content", "link", "hard-link", "folder", "absent", "mode"}
	fixtureKeys  = []string{"content", "link", "hard-link", "folder", "mount", "absent", "package", "signature", "keyring", "mode", "signed-by"}
	packagedKeys = []string{"content", "link", "hard-link", "folder", "mode"}
	deciding     = []string{"content", "link", "hard-link", "folder", "mount", "absent", "package", "signature", "keyring"}
)

// placed reads a mapping of paths; keys are those that an entry may have.
func (p *parser) placed(node Node, what string, rule pathRule, keys []string) []*Placed {
	var all []*Placed
	for _, entry := range p.fields(node, what).Entries {
		if !p.cleanPath(entry.Key, rule) {
			continue
		}
		switch typed := entry.Value.(type) {
		case Scalar:
			if content := p.content(typed, entry.Key.Text); content != nil {
				all = append(all, &Placed{Path: entry.Key, Kind: PlacedFile, Content: content})
			}
		case Map:
			if one := p.place(entry.Key, typed, keys); one != nil {
				all = append(all, one)
			}
		case List:
			p.wrongShape(typed, entry.Key.Text, "a file's content or a mapping", "write one of "+strings.Join(keys, ", "))
		}
	}
	return all
}

// cleanPath refuses a path that could mean another one.
func (p *parser) cleanPath(at Scalar, rule pathRule) bool {
	text := at.Text
	fits := path.Clean(text) == text && path.IsAbs(text) == bool(rule) && text != "/" && text != "." && !strings.HasPrefix(text, "../") && text != ".."
	if !fits || strings.ContainsRune(text, 0) {
		wanted, hint := "a path from the root, such as /opt/firmware", "start it with a slash; . and .. and doubled slashes have no place in it"
		if rule == relativePaths {
			wanted, hint = "a path in the package, such as bin/app", "start it without a slash; . and .. and doubled slashes have no place in it"
		}
		p.fail(at.Span, "path", fmt.Sprintf("%s is not %s", quote(text), wanted), hint)
		return false
	}
	return true
}

// content reads a file's text, as it stands.
func (p *parser) content(node Node, what string) *string {
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
	case !ok || scalar.Kind == Absent:
		p.wrongShape(node, what, "a file's content or a mapping", `write "" for an empty file, {folder: true} for a directory, {absent: true} for nothing`)
	case scalar.Kind != Text:
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("the content of %s is text, found %s", what, describe(scalar)), fmt.Sprintf("put it in quotes: %q", scalar.Text))
	default:
		return &scalar.Text
	}
	return nil
}

// place reads one entry that is a mapping.
func (p *parser) place(at Scalar, fields Map, keys []string) *Placed {
	made := &Placed{Path: at, Kind: PlacedFile}
	decided := ""
	good := true
	for _, entry := range fields.Entries {
		key, node := entry.Key.Text, entry.Value
		if !slices.Contains(keys, key) {
			p.unknownKey(entry.Key, at.Text, keys)
			good = false
			continue
		}
		if slices.Contains(deciding, key) {
			if decided != "" {
				p.fail(entry.Key.Span, "key-not-here", fmt.Sprintf("%s has %s and %s", at.Text, decided, key), "keep the one that says what it is")
				return nil
			}
			decided = key
		}
		good = p.placeKey(made, key, node) && good
	}
	switch made.Kind {
	case PlacedFile, PlacedDirectory, PlacedMount, PlacedPackage:
	default:
		if made.Mode != nil {
			p.fail(keySpan(fields, "mode"), "key-not-here", fmt.Sprintf("%s is a %s, and has no mode of its own", at.Text, made.Kind), "leave mode out")
		}
	}
	switch signed := made.SignedBy != ""; {
	case signed && made.Kind == PlacedPackage && made.isArchive():
		p.fail(keySpan(fields, "signed-by"), "key-not-here", fmt.Sprintf("an archive has no signature inside, and %s does not end in .gpg", at.Text),
			fmt.Sprintf("add %s.sig: { signature: %s, signed-by: %s }, or end the name in .gpg", at.Text, at.Text, made.SignedBy))
	case signed && made.Kind != PlacedPackage && made.Kind != PlacedSignature:
		p.fail(keySpan(fields, "signed-by"), "key-not-here", "only a package or a signature has a key", "leave signed-by out")
	}
	if !good {
		return nil
	}
	return made
}

// placeKey reads one key of an entry, and reports whether all was well.
func (p *parser) placeKey(made *Placed, key string, node Node) bool {
	before := len(p.diagnostics)
	switch key {
	case "content":
		made.Content = p.content(node, made.Path.Text)
	case "mode":
		made.Mode = p.fileMode(node)
	case "link", "hard-link":
		made.Kind = PlacedKind(key)
		if target := p.text(node, key, false); target != nil {
			made.Target = target.Text
			if key == "hard-link" {
				p.cleanPath(*target, pathRule(path.IsAbs(made.Path.Text)))
			}
		}
	case "signature":
		made.Kind = PlacedSignature
		if target := p.text(node, key, false); target != nil && p.cleanPath(*target, absolutePaths) {
			made.Target = target.Text
		}
	case "folder", "mount", "absent":
		made.Kind = PlacedKind(key)
		if scalar, ok := node.(Scalar); !ok || scalar.Kind != Bool || scalar.Text != "true" {
			p.fail(made.Path.Span, "enum", key+" is true, or is left out", "write "+key+": true")
		}
	case "package":
		made.Kind = PlacedPackage
		made.Files = p.placed(node, key, relativePaths, packagedKeys)
	case "signed-by":
		if name := p.text(node, key, false); name != nil {
			made.SignedBy = name.Text
		}
	case "keyring":
		made.Kind = PlacedKeyring
		for _, name := range p.strings(node, key) {
			made.Keys = append(made.Keys, name.Text)
		}
	}
	return !p.diagnostics[before:].HasErrors()
}

var modeForm = regexp.MustCompile(`^[0-7]{3,4}$`)

func (p *parser) fileMode(node Node) *uint32 {
	scalar, ok := node.(Scalar)
	if node == nil {
		return nil
	}
	if !ok || scalar.Kind != Text || !modeForm.MatchString(scalar.Text) {
		p.fail(node.Where(), "wrong-type", "mode is three or four octal digits in quotes, found "+describe(node), `write mode: "0755", for example`)
		return nil
	}
	bits, _ := strconv.ParseUint(scalar.Text, 8, 32)
	mode := uint32(bits)
	return &mode
}
