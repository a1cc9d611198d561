package tasklog

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// elapsed writes seconds as H:MM:SS.
func elapsed(seconds float64) string {
	whole := int64(max(seconds, 0))
	return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
}

// amount writes a count in its unit; bytes get the binary unit that suits.
func amount(count float64, unit string) string {
	if unit != "bytes" {
		return fmt.Sprintf("%.0f %s", count, unit)
	}
	for _, scale := range []struct {
		bytes float64
		name  string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if count >= scale.bytes {
			return fmt.Sprintf("%.1f %s", count/scale.bytes, scale.name)
		}
	}
	return fmt.Sprintf("%.0f B", count)
}

// share writes how far current is: "12.0 of 27.0 MiB", or "12.0 MiB" where the total is unknown.
func share(current, total int64, unit string) string {
	have, want := amount(float64(current), unit), amount(float64(total), unit)
	if total <= 0 {
		return have
	}
	number, itsUnit, _ := strings.Cut(have, " ")
	if strings.HasSuffix(want, " "+itsUnit) {
		have = number
	}
	return have + " of " + want
}

// percent gives how far current is, 0 to 100, in whole steps that reach 100 only at the end.
func percent(current, total int64) int {
	if total <= 0 {
		return 0
	}
	return int(100 * max(0, min(float64(current)/float64(total), 1)))
}

// speed measures a rate over the last few seconds.
type speed struct{ samples []sample }

type sample struct {
	at      time.Time
	current int64
}

// add takes a measurement. Samples lie at least a quarter of a second apart, and go back about five seconds.
func (s *speed) add(at time.Time, current int64) {
	const kept = 20
	count := len(s.samples)
	if count > 0 && current < s.samples[count-1].current {
		s.samples, count = nil, 0 // it began anew
	}
	if count > 1 && at.Sub(s.samples[count-2].at) < 250*time.Millisecond {
		s.samples[count-1] = sample{at, current}
		return
	}
	s.samples = append(s.samples, sample{at, current})
	if len(s.samples) > kept {
		s.samples = s.samples[1:]
	}
}

// rate gives the count per second, 0 where it is not known yet.
func (s *speed) rate() float64 {
	if len(s.samples) < 2 {
		return 0
	}
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	span := last.at.Sub(first.at).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(last.current-first.current) / span
}

// tail writes rate and time left, as far as they are known: ", 5.1 MiB/s, 0:00:03 left".
func (s *speed) tail(current, total int64, unit string) string {
	rate := s.rate()
	if rate <= 0 {
		return ""
	}
	text := ", " + amount(rate, unit) + "/s"
	if total > current {
		text += ", " + elapsed(math.Ceil(float64(total-current)/rate)) + " left"
	}
	return text
}

// bar draws how far current is, width cells wide; "" where the total is unknown.
func bar(current, total int64, width int) string {
	if total <= 0 || width <= 0 {
		return ""
	}
	full := width * percent(current, total) / 100
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

// span writes a time for people: "12s", "1m30s", "2h05m".
func span(d time.Duration) string {
	if d > 0 && d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	whole := int64(max(d, 0) / time.Second)
	hours, minutes, seconds := whole/3600, whole/60%60, whole%60
	switch {
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%dh", hours)
	case minutes > 0 && seconds > 0:
		return fmt.Sprintf("%dm%02ds", minutes, seconds)
	case minutes > 0:
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%ds", seconds)
}
