package value

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes, never negative. It is opaque, so that an expression cannot compare it with a
// number whose unit nobody knows.
type Size struct{ bytes int64 }

// SizeOf wraps a number of bytes. A negative one counts as zero.
func SizeOf(bytes int64) Size { return Size{bytes: max(bytes, 0)} }

// sizeUnits are tried in this order when a size is written; the first of the shortest wins.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

var sizePattern = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,18})?)([A-Za-z]*)$`)

// ParseSize reads "512B", "64KiB", "1.5GB": KiB, MiB, GiB, TiB and PiB count by 1024, KB (or kB), MB, GB, TB
// and PB by 1000. A number without a unit is refused, and so is one that is not a whole number of bytes.
func ParseSize(text string) (Size, error) {
	match := sizePattern.FindStringSubmatch(text)
	if match == nil {
		return Size{}, valueFault("%q is not a size", text).WithHint("write 400MiB or 1.5GB, for example, without blanks")
	}
	number, unit := match[1], match[2]
	if unit == "kB" {
		unit = "KB"
	}
	switch unit {
	case "":
		return Size{}, valueFault("the size %q has no unit", text).WithHint("write %sB for bytes, or use KiB, MiB or GiB", number)
	case "K", "k", "M", "m", "G", "g", "T", "t", "P", "p":
		upper := strings.ToUpper(unit)
		return Size{}, valueFault("the unit of the size %q could count by 1000 or by 1024", text).
			WithHint("write %s%siB (by 1024) or %s%sB (by 1000)", number, upper, number, upper)
	}
	for _, known := range sizeUnits {
		if known.name != unit {
			continue
		}
		exact, _ := new(big.Rat).SetString(number)
		exact.Mul(exact, new(big.Rat).SetInt64(known.bytes))
		switch {
		case !exact.IsInt():
			return Size{}, valueFault("the size %q is not a whole number of bytes", text)
		case !exact.Num().IsInt64():
			return Size{}, valueFault("the size %q is too big", text).WithHint("the limit is 8191PiB")
		}
		return Size{bytes: exact.Num().Int64()}, nil
	}
	return Size{}, valueFault("the size %q has an unknown unit", text).WithHint("the units are B, KiB, MiB, GiB, TiB, PiB (by 1024) and KB, MB, GB, TB, PB (by 1000)")
}

// Bytes gives the number of bytes.
func (s Size) Bytes() int64 { return s.bytes }

// String writes it exactly, in the unit that makes the shortest text: "400MiB", "1500MB", "0B".
func (s Size) String() string {
	best := strconv.FormatInt(s.bytes, 10) + "B"
	if s.bytes == 0 {
		return best
	}
	for _, unit := range sizeUnits {
		if s.bytes%unit.bytes != 0 {
			continue
		}
		number := strconv.FormatInt(s.bytes/unit.bytes, 10)
		if candidate := number + unit.name; len(number) < len(best)-1 && len(candidate) < len(best) {
			best = candidate
		}
	}
	return best
}

// Compare gives -1, 0 or 1.
func (s Size) Compare(other Size) int { return compareInt(s.bytes, other.bytes) }

// Add gives the sum; it refuses one that does not fit.
func (s Size) Add(other Size) (Size, error) {
	if s.bytes > math.MaxInt64-other.bytes {
		return Size{}, valueFault("%s + %s is too big a size", s, other)
	}
	return Size{bytes: s.bytes + other.bytes}, nil
}

// Subtract gives the difference; it refuses one below zero.
func (s Size) Subtract(other Size) (Size, error) {
	if other.bytes > s.bytes {
		return Size{}, valueFault("%s - %s is below zero, and a size is never negative", s, other)
	}
	return Size{bytes: s.bytes - other.bytes}, nil
}

// MarshalText writes String's form, in JSON too.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads ParseSize's form.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
