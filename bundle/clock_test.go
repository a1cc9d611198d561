package bundle

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestClock verifies on machines whose clocks are wrong. The time is that of a synctest bubble, which starts
// at 2000-01-01, as the clock of a device without a battery might. The real gpg, told the same time, is asked
// too: what it accepts, gwe accepts, but for keys that have expired; and gwe accepts more only of keys that
// do not expire.
func TestClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	content := compress(t, Gzip, sample(t, 10))
	for name, test := range map[string]struct {
		// keyMade, signed and now are years from 2000 on; the key lives for so many years, 0 is for ever, and
		// so does the signature.
		keyMade, keyLives, signed, sigLives, now int
		// selfSigned is when the key's owner signed its life; 0 is when it was made.
		selfSigned int
		code       string
		// untrusted is the code where the clock is not to be trusted.
		untrusted string
		warned    bool
		// gpg is what gpg does otherwise.
		gpg string
	}{
		"all in order":                             {keyMade: 1, signed: 2, now: 3},
		"all in order, a key that expires":         {keyMade: 1, keyLives: 5, signed: 2, now: 3},
		"signature from the future":                {keyMade: 1, signed: 9, now: 3, warned: true},
		"signature from the future, key expires":   {keyMade: 1, keyLives: 20, signed: 9, now: 3, warned: true},
		"key and signature from the future":        {keyMade: 8, signed: 9, now: 0, warned: true, gpg: "refuses"},
		"the same, the key expires":                {keyMade: 8, keyLives: 5, signed: 9, now: 0, code: "package-key-not-yet-valid"},
		"expired":                                  {keyMade: 1, keyLives: 5, signed: 2, now: 9, code: "package-key-expired", gpg: "accepts"},
		"expired, as the signature's date shows":   {keyMade: 1, keyLives: 5, signed: 9, now: 2, code: "package-key-expired", untrusted: "package-key-expired", gpg: "accepts"},
		"extended in the clock's future":           {keyMade: 1, selfSigned: 6, keyLives: 20, signed: 7, now: 3, warned: true},
		"extended later, signed before":            {keyMade: 1, selfSigned: 6, keyLives: 20, signed: 2, now: 3},
		"signature for a time":                     {keyMade: 1, signed: 2, sigLives: 3, now: 4},
		"signature for a time that is over":        {keyMade: 1, signed: 2, sigLives: 1, now: 4, code: "package-signature-expired"},
		"signature for a time, from the future":    {keyMade: 1, signed: 6, sigLives: 1, now: 4, warned: true},
		"signature that is older than its key":     {keyMade: 4, signed: 2, now: 5, code: "package-signature-bad", untrusted: "package-signature-bad"},
		"signature older than its key, both ahead": {keyMade: 4, signed: 3, now: 0, code: "package-signature-bad", untrusted: "package-signature-bad"},
	} {
		t.Run(name, func(t *testing.T) {
			at := func(years int) time.Time { return epoch.Add(time.Duration(years) * year) }
			made := newHandmade(at(test.keyMade))
			selfSigned := at(max(test.keyMade, test.selfSigned))
			ring, directory := t.TempDir(), t.TempDir()
			certificate := made.certificate(selfSigned, time.Duration(test.keyLives)*year)
			write(t, filepath.Join(ring, "key.gpg"), certificate, 0o644)
			path := filepath.Join(directory, "fw-1.tar.gz")
			write(t, path, content, 0o644)
			write(t, path+".sig", made.detached(content, at(test.signed), time.Duration(test.sigLives)*year), 0o644)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(at(test.now)))
				for clock, code := range map[Clock]string{"": test.code, ClockTrusted: test.code, ClockUntrusted: test.untrusted} {
					var warnings []string
					_, _, err := open(t, path, Policy{Keyring: ring, Clock: clock, Warn: func(text string) { warnings = append(warnings, text) }})
					switch {
					case code == "" && err != nil:
						t.Errorf("clock %q: %v", clock, err)
					case code != "":
						wantCode(t, err, code)
						if hint := fault.As(err).Hint; code == "package-key-not-yet-valid" &&
							(!strings.Contains(hint, "2000-01-01") || !strings.Contains(hint, "clock: untrusted")) {
							t.Errorf("the hint does not help: %s", hint)
						}
					}
					if warned := len(warnings) > 0; warned != (test.warned && clock != ClockUntrusted) {
						t.Errorf("clock %q: warnings %q", clock, warnings)
					}
				}
			})
			home, err := newHome()
			if err != nil {
				t.Fatal(err)
			}
			home.must(t, certificate, "--import", "--faked-system-time", at(20).Format("20060102T150405!"))
			_, refused := home.run(nil, "--faked-system-time", at(test.now).Format("20060102T150405!"), "--verify", path+".sig", path)
			want := test.code != ""
			switch test.gpg {
			case "refuses":
				want = true
			case "accepts":
				want = false
			}
			if (refused != nil) != want {
				t.Errorf("gpg: %v", refused)
			}
		})
	}
}

// TestClockOfListing: a key that does not expire is good on a device without a clock.
func TestClockOfListing(t *testing.T) {
	ring := t.TempDir()
	made := newHandmade(time.Now().Add(-time.Hour))
	for name, lives := range map[string]time.Duration{"good": 0, "not yet valid": 1000 * time.Hour} {
		write(t, filepath.Join(ring, "key.gpg"), made.certificate(time.Now(), lives), 0o644)
		synctest.Test(t, func(t *testing.T) {
			if keys := listed(t, ring); keys[0].State != name {
				t.Errorf("%+v, want %s", keys[0], name)
			}
		})
	}
}

// TestRevocationNeedsNoClock: a revocation counts whatever its date and the clock are, and with an untrusted
// clock.
func TestRevocationNeedsNoClock(t *testing.T) {
	content := compress(t, Gzip, sample(t, 10))
	day := time.Now().Add(-1000 * time.Hour)
	made := newHandmade(day)
	path := filepath.Join(t.TempDir(), "fw-1.tar.gz")
	write(t, path, content, 0o644)
	write(t, path+".sig", made.detached(content, day.Add(time.Hour), 0), 0o644)
	for _, revoked := range []time.Duration{0, 2 * time.Hour, 100 * 365 * 24 * time.Hour} {
		ring := t.TempDir()
		write(t, filepath.Join(ring, "key.gpg"), made.certificate(day, 0), 0o644)
		write(t, filepath.Join(ring, "rev.gpg"), made.revocation(day.Add(revoked)), 0o644)
		for _, clock := range []Clock{ClockTrusted, ClockUntrusted} {
			_, _, err := open(t, path, Policy{Keyring: ring, Clock: clock})
			wantCode(t, err, "package-key-revoked")
			synctest.Test(t, func(t *testing.T) {
				_, _, err := open(t, path, Policy{Keyring: ring, Clock: clock})
				wantCode(t, err, "package-key-revoked")
			})
		}
	}
}
