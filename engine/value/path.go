package value

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// Path is a file path in the structs of step types; the canonical dynamic form is a plain string. It may be
// relative and may hold bytes that are not UTF-8; it is never empty where it was parsed, and holds no NUL.
type Path string

// Location is a Path in the structs of step types that may be an http or https address instead: its type is
// path, with Remote set.
type Location string

// Remote reports whether it is an address.
func (l Location) Remote() bool { return IsAddress(string(l)) }

// IsAddress reports whether a text is an http or https address.
func IsAddress(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// URL is an absolute URL in the structs of step types; the canonical dynamic form is a plain string.
type URL string

func checkPath(text string) error {
	switch {
	case text == "":
		return valueFault("a path is not empty").WithHint("write one, or leave the key out")
	case strings.ContainsRune(text, 0):
		return valueFault("a path holds no NUL character")
	}
	return nil
}

// IsAbsolute reports whether a text is a path from the root, or an address where the type takes one.
func (t Type) IsAbsolute(text string) bool {
	return filepath.IsAbs(text) || t.Remote && IsAddress(text)
}

func checkURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || (parsed.Host == "" && parsed.Path == "") || parsed.Opaque != "" {
		return valueFault("%q is not an absolute URL", text).WithHint("write https://example.org/firmware.tar.zst.gpg, for example")
	}
	return nil
}

// valueFault is the one fault of a value that is not what its type wants.
func valueFault(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "value-invalid", format, arguments...)
}
