package value

import (
	"regexp"
	"strings"
)

// Version is a version number. It is opaque, so that an expression cannot compare it with plain text, for
// which "1.10.0" is before "1.9.0".
//
// The form is that of semantic versioning, widened to what vendors write: an optional v, one to eight
// numbers, an optional -pre.release, an optional +build. Missing numbers count as zero (1.2 equals v1.2.0), a
// fourth number is compared as the first three are, a pre-release comes before its release, and the build
// does not count. Order follows section 11 of Semantic Versioning 2.0.0.
type Version struct{ text string }

var versionPattern = regexp.MustCompile(`^[vV]?[0-9]{1,32}(\.[0-9]{1,32}){0,7}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// versionLength bounds the text of a version, in bytes.
const versionLength = 256

// ParseVersion reads a version.
func ParseVersion(text string) (Version, error) {
	if len(text) > versionLength || !versionPattern.MatchString(text) {
		return Version{}, valueFault("%q is not a version", clip(text)).WithHint("write 1.10.0, v1.2 or 2.0.0-rc.1, for example")
	}
	return Version{text: text}, nil
}

// String gives the text as it was written.
func (v Version) String() string { return v.text }

// IsZero tells the absence of a version.
func (v Version) IsZero() bool { return v.text == "" }

// Compare gives -1, 0 or 1. The absence of a version is before every version.
func (v Version) Compare(other Version) int {
	if v.IsZero() || other.IsZero() {
		return compareInt(int64(len(v.text)), int64(len(other.text)))
	}
	numbers, pre := v.parts()
	otherNumbers, otherPre := other.parts()
	for i := range max(len(numbers), len(otherNumbers)) {
		if order := compareDigits(at(numbers, i), at(otherNumbers, i)); order != 0 {
			return order
		}
	}
	switch {
	case len(pre) == 0 && len(otherPre) == 0:
		return 0
	case len(pre) == 0:
		return 1
	case len(otherPre) == 0:
		return -1
	}
	for i := range max(len(pre), len(otherPre)) {
		if i >= len(pre) || i >= len(otherPre) {
			return compareInt(int64(len(pre)), int64(len(otherPre)))
		}
		if order := comparePre(pre[i], otherPre[i]); order != 0 {
			return order
		}
	}
	return 0
}

// Equal makes 1.2 equal to 1.2.0 for go-cmp and the like.
func (v Version) Equal(other Version) bool { return v.Compare(other) == 0 }

// MarshalText writes the text as it was written, in JSON too.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.text), nil }

// UnmarshalText reads ParseVersion's form; empty text is the absence of a version.
func (v *Version) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*v = Version{}
		return nil
	}
	*v, err = ParseVersion(string(text))
	return err
}

// parts splits a version that is well formed.
func (v Version) parts() (numbers, pre []string) {
	text, _, _ := strings.Cut(v.text, "+")
	text, preText, hasPre := strings.Cut(strings.TrimLeft(text, "vV"), "-")
	if hasPre {
		pre = strings.Split(preText, ".")
	}
	return strings.Split(text, "."), pre
}

func at(numbers []string, i int) string {
	if i < len(numbers) {
		return numbers[i]
	}
	return "0"
}

// compareDigits compares numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return compareInt(int64(len(a)), int64(len(b)))
	}
	return strings.Compare(a, b)
}

// comparePre compares identifiers of pre-releases: numbers by value and before words, words by their bytes.
func comparePre(a, b string) int {
	aNumber, bNumber := isDigits(a), isDigits(b)
	switch {
	case aNumber && bNumber:
		return compareDigits(a, b)
	case aNumber:
		return -1
	case bNumber:
		return 1
	}
	return strings.Compare(a, b)
}

func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// clip keeps what a message quotes short.
func clip(text string) string {
	if len(text) > 80 {
		return text[:80] + "..."
	}
	return text
}
