package bundle

import (
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/gwe-project/gwe/engine/fault"
)

// Clock says how far this machine's clock is believed.
type Clock string

const (
	// ClockTrusted is the default. The clock decides whether a key has expired, but never makes a key bad
	// that does not expire.
	ClockTrusted Clock = "trusted"
	// ClockUntrusted takes the signature's own date for the time. The clock decides nothing.
	ClockUntrusted Clock = "untrusted"
)

// clockTolerance is how far this machine's clock may be after others and still be right.
const clockTolerance = 24 * time.Hour

// clock is the time of one verification.
type clock struct {
	now       time.Time
	untrusted bool
}

func newClock(belief Clock) (clock, error) {
	switch belief {
	case "", ClockTrusted, ClockUntrusted:
		return clock{now: time.Now(), untrusted: belief == ClockUntrusted}, nil
	}
	return clock{}, refuse("clock-invalid", "the clock cannot be %q", string(belief)).WithHint("write trusted or untrusted")
}

// at is the time at which a signature is judged. A signature proves that its date has come, for only the
// key's owner can have made it: where the clock is behind, its date counts, as with gpgv. It is the machine's
// time without a signature.
func (c clock) at(signature *packet.Signature) time.Time {
	if signature == nil || !c.untrusted && c.now.After(signature.CreationTime) {
		return c.now
	}
	return signature.CreationTime
}

// permits decides whether the key is alive. A key that does not expire always is: whether it is dated after
// the clock shows only that the clock is behind. Of a key that does, a clock that is older than the key
// itself cannot tell.
func (c clock) permits(name string, life life, signature *packet.Signature) *fault.Fault {
	switch {
	case life.expires.IsZero():
		return nil
	case c.at(signature).After(life.expires):
		return refuse("package-key-expired", "the key %s expired on %s", name, day(life.expires)).
			WithHint("extend it (gpg --quick-set-expire), import its new public part and try again; %s", c.hint())
	case !c.untrusted && c.isBehind(life.created):
		return refuse("package-key-not-yet-valid", "the key %s was made on %s, which is in the future, and it expires: this clock cannot tell whether it has",
			name, day(life.created)).
			WithHint("%s; for a device without a clock sign with a key that does not expire, or set the clock to untrusted (clock: untrusted in the step, --clock untrusted)", c.hint())
	}
	return nil
}

// isBehind reports whether a date shows that the clock is wrong.
func (c clock) isBehind(date time.Time) bool { return date.After(c.now.Add(clockTolerance)) }

func (c clock) hint() string {
	return "this machine's clock says " + day(c.now) + ": if that is wrong, set it and try again"
}

// warning says that the clock is behind, "" where nothing shows it.
func (c clock) warning(signature *packet.Signature) string {
	if c.untrusted || !c.isBehind(signature.CreationTime) {
		return ""
	}
	return fmt.Sprintf("this machine's clock says %s, and the package was signed on %s: the clock is behind; the date of the signature counts",
		day(c.now), day(signature.CreationTime))
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
