package value

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{"90s": "1m30s", "10m": "10m", "1h": "1h", "1h0m5s": "1h0m5s", "1.5h": "1h30m", "0s": "0s", "250ms": "250ms", "100h": "100h"} {
		parsed, err := ParseDuration(text)
		if err != nil || parsed.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, parsed, err, want)
		}
		if again, err := ParseDuration(parsed.String()); err != nil || again != parsed {
			t.Errorf("%s reads as %v, %v", parsed, again, err)
		}
	}
	for _, text := range []string{"", "90", "0", "-5", "-5s", "1d", "5 s", "s", "1e3s", "٣s", "999999999h"} {
		if parsed, err := ParseDuration(text); err == nil {
			t.Errorf("%q is accepted as %s", text, parsed)
		}
	}
	if DurationOf(-time.Second) != (Duration{}) {
		t.Error("a negative duration is not zero")
	}
	long := DurationOf(1<<63 - 1)
	if _, err := long.Add(DurationOf(1)); err == nil {
		t.Error("a sum that does not fit is accepted")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]struct {
		bytes int64
		text  string
	}{
		"0B": {0, "0B"}, "512B": {512, "512B"}, "1000B": {1000, "1KB"}, "1024B": {1024, "1KiB"}, "64KiB": {65536, "64KiB"},
		"400MiB": {400 << 20, "400MiB"}, "1.5GB": {1500000000, "1500MB"}, "1.5GiB": {1536 << 20, "1536MiB"}, "3kB": {3000, "3KB"},
		"8191PiB": {8191 << 50, "8191PiB"}, "1001B": {1001, "1001B"}, "0.5KiB": {512, "512B"},
	} {
		parsed, err := ParseSize(text)
		if err != nil || parsed.Bytes() != want.bytes || parsed.String() != want.text {
			t.Errorf("%s is %d, %s, %v; want %v", text, parsed.Bytes(), parsed, err, want)
		}
		if again, err := ParseSize(parsed.String()); err != nil || again != parsed {
			t.Errorf("%s reads as %v, %v", parsed, again, err)
		}
	}
	for _, text := range []string{"", "400", "0", "400M", "1k", "-1B", "1.5B", "1 GB", "1e3B", "0x1B", "9999PiB", "1.MB", ".5MB", "1mb", "1XB", "99999999999999999999B"} {
		if parsed, err := ParseSize(text); err == nil {
			t.Errorf("%q is accepted as %s", text, parsed)
		}
	}
}

// TestVersionOrder lists versions from old to new; those in one line are equal.
func TestVersionOrder(t *testing.T) {
	lines := [][]string{
		{"0"}, {"0.9"}, {"1.0.0-alpha", "1-alpha"}, {"1.0.0-alpha.1"}, {"1.0.0-alpha.beta"}, {"1.0.0-beta"}, {"1.0.0-beta.2"}, {"1.0.0-beta.11"},
		{"1.0.0-rc.1"}, {"1", "1.0.0", "v1.0", "1.0.0+build.5", "1.0.0.0", "01.0.0"}, {"1.2.3"}, {"1.2.3.4"}, {"1.9.0"}, {"1.10.0", "V1.10"}, {"2024.05.01"},
		{"99999999999999999999999999999999"},
	}
	for i, line := range lines {
		for j, other := range lines {
			for _, a := range line {
				for _, b := range other {
					left, err := ParseVersion(a)
					if err != nil {
						t.Fatal(err)
					}
					right, err := ParseVersion(b)
					if err != nil {
						t.Fatal(err)
					}
					if got, want := left.Compare(right), compareInt(int64(i), int64(j)); got != want {
						t.Errorf("%s and %s: %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
	for _, text := range []string{"", "v", "latest", "1.", "1..2", "1.2-", "1.2+", "1.2-a..b", "1.2.x", " 1.2", "1.2\n", "1_2", "1.2.3.4.5.6.7.8.9", strings.Repeat("1", 300)} {
		if parsed, err := ParseVersion(text); err == nil {
			t.Errorf("%q is accepted as %s", text, parsed)
		}
	}
	if (Version{}).Compare(Version{}) != 0 || (Version{}).Compare(Version{text: "0"}) != -1 {
		t.Error("the absence of a version is not before every version")
	}
}

// TestSecretNeverShows prints a secret in every way that a program prints things by accident.
func TestSecretNeverShows(t *testing.T) {
	const text = "hunter2"
	secret := NewSecret(text)
	holder := struct {
		Visible Secret
		hidden  Secret
		List    []Secret
		Map     map[string]Secret
	}{secret, secret, []Secret{secret}, map[string]Secret{"a": secret}}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+verb+verb, secret, &secret, holder)
	}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(encoded)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "secret", secret, "holder", holder)
	slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "secret", secret)
	shown.WriteString(Text(secret) + Text([]any{secret}) + Text(map[string]any{"a": secret}))
	journal, err := ToJSON(MapOf(Of(KindSecret)), map[string]any{"a": secret})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(journal)
	_, err = Convert(Of(KindInt), secret)
	shown.WriteString(err.Error())
	if strings.Contains(shown.String(), text) || strings.Contains(shown.String(), fmt.Sprintf("%x", text)) {
		t.Errorf("the secret shows: %s", shown.String())
	}
	if !strings.Contains(shown.String(), Redacted) || secret.Reveal() != text {
		t.Error("the secret is lost")
	}
	if _, err := FromJSON(Of(KindSecret), json.RawMessage(`"***"`)); err == nil {
		t.Error("a redacted secret is taken for a secret")
	}
}

// TestIntOfAnySize: an integer of any size of Go's is an int, or an error where this machine's ints have
// fewer bits.
func TestIntOfAnySize(t *testing.T) {
	for _, given := range []any{int8(-1), int64(math.MaxInt32), int64(3 << 30), int64(-3 << 30), uint32(math.MaxUint32), uint64(3 << 30)} {
		got, err := Convert(Of(KindInt), given)
		switch text := fmt.Sprint(given); {
		case err != nil && (strconv.IntSize == 64 || !strings.Contains(err.Error(), text+" is too big for an int")):
			t.Errorf("%s: %v", text, err)
		case err == nil && fmt.Sprint(got) != text:
			t.Errorf("%s is %v", text, got)
		}
	}
}
