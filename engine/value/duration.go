package value

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, never negative. It is opaque, so that an expression cannot compare it with a
// number whose unit nobody knows.
type Duration struct{ span time.Duration }

// DurationOf wraps a Go duration. A negative one counts as zero: a clock that was set back has measured
// nothing.
func DurationOf(span time.Duration) Duration { return Duration{span: max(span, 0)} }

// ParseDuration reads "90s", "1m30s", "1.5h", "250ms"; the units are h, m, s, ms, us and ns. A number without
// a unit is refused, zero too: write 0s.
func ParseDuration(text string) (Duration, error) {
	if _, err := parseFloat(text); err == nil {
		return Duration{}, valueFault("the duration %q has no unit", text).WithHint("write %ss for seconds, or use m or h", strings.TrimPrefix(text, "-"))
	}
	span, err := time.ParseDuration(text)
	switch {
	case err != nil:
		if short := shortened(text); short != "" {
			return Duration{}, valueFault("%q is not a duration", text).WithHint("write %s", short)
		}
		return Duration{}, valueFault("%q is not a duration", text).WithHint("write 90s, 10m or 1h30m, for example; the units are h, m, s, ms, us and ns")
	case span < 0:
		return Duration{}, valueFault("the duration %q is negative", text).WithHint("write 90s, 10m or 1h30m, for example")
	}
	return Duration{span: span}, nil
}

var (
	longDuration = regexp.MustCompile(`^([0-9]+) *([A-Za-z]+)$`)
	clockTime    = regexp.MustCompile(`^([0-9]+):([0-9]{2})(?::([0-9]{2}))?$`)
)

// shortened writes what people mean by "5 minutes", "7d" or "10M"; "" where that is not known.
func shortened(text string) string {
	found := longDuration.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		if clock := clockTime.FindStringSubmatch(text); clock != nil && clock[3] != "" {
			return clock[1] + "h" + clock[2] + "m" + clock[3] + "s"
		}
		return ""
	}
	number, err := strconv.Atoi(found[1])
	if err != nil || number > 1e6 {
		return ""
	}
	switch unit := strings.TrimSuffix(strings.ToLower(found[2]), "s"); unit {
	case "", "sec", "second":
		return found[1] + "s"
	case "m", "min", "minute":
		return found[1] + "m"
	case "h", "hr", "hour":
		return found[1] + "h"
	case "d", "day":
		return strconv.Itoa(24*number) + "h"
	case "w", "week":
		return strconv.Itoa(7*24*number) + "h"
	case "milli", "millisecond", "msec":
		return found[1] + "ms"
	}
	return ""
}

// Std gives the Go form.
func (d Duration) Std() time.Duration { return d.span }

// String writes it so that ParseDuration reads the same span again, without units that are zero: "1m30s",
// "10m", "0s".
func (d Duration) String() string {
	text := d.span.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Compare gives -1, 0 or 1.
func (d Duration) Compare(other Duration) int { return compareInt(int64(d.span), int64(other.span)) }

// Add gives the sum; it refuses one that does not fit (292 years).
func (d Duration) Add(other Duration) (Duration, error) {
	if int64(d.span) > math.MaxInt64-int64(other.span) {
		return Duration{}, valueFault("%s + %s is too long a duration", d, other)
	}
	return Duration{span: d.span + other.span}, nil
}

// Subtract gives the difference; it refuses one below zero.
func (d Duration) Subtract(other Duration) (Duration, error) {
	if other.span > d.span {
		return Duration{}, valueFault("%s - %s is below zero, and a duration is never negative", d, other)
	}
	return Duration{span: d.span - other.span}, nil
}

// MarshalText writes String's form, in JSON too.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads ParseDuration's form.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
