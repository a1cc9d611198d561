package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
)

const (
	// firstPause is the pause after the first failed round, and longestPause bounds it as it doubles.
	firstPause   = time.Second
	longestPause = time.Minute
)

// rounds are tries with addresses, one after the other, as often as they may fail.
type rounds struct {
	mirrors  []*mirror
	attempts int
	say      func(line string)
	// progressed reports whether a failed round brought enough to count as the first one again.
	progressed func() bool
}

// run asks the addresses until one answers with no error. One that is refused for good is not asked again.
func (r rounds) run(ctx context.Context, ask func(m *mirror) error) error {
	for failed := 0; ; {
		wait := time.Duration(0)
		var last error
		for _, one := range r.mirrors {
			if one.bad != nil {
				continue
			}
			err := ask(one)
			if err == nil {
				return nil
			}
			if ended := ctx.Err(); ended != nil {
				return ended
			}
			var passing *later
			switch {
			case errors.As(err, &passing):
				wait, last = max(wait, passing.after), passing.error
			case isLocal(err):
				return err
			default:
				one.bad, last = err, err
			}
			if len(r.mirrors) > 1 {
				r.say(last.Error())
			}
		}
		failed++
		if r.progressed() {
			failed = 1
		}
		if bad := r.allBad(); bad != nil {
			return bad
		}
		if failed >= r.attempts {
			return last
		}
		wait = max(wait, pause(failed))
		r.say("trying again in " + wait.Round(time.Second/10).String() + ": " + last.Error())
		if err := pace.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// allBad is why no address is left: the reason of the first that is refused, or else of the last.
func (r rounds) allBad() (last error) {
	for _, one := range r.mirrors {
		if one.bad == nil {
			return nil
		}
		if last == nil || fault.ClassOf(last) != fault.Refused {
			last = one.bad
		}
	}
	return last
}

// pause is how long to wait after so many failures: doubled each time, and by chance between half of it and
// the whole, so that devices that failed together do not come back together.
func pause(failed int) time.Duration {
	whole := longestPause
	if failed < 7 {
		whole = min(firstPause<<(failed-1), longestPause)
	}
	return whole/2 + rand.N(whole/2+1)
}
