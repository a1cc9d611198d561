package program

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// retryPolicy is a step's retry, compiled. A nil member has its default: one attempt, no delay, factor 1, no
// cap, no jitter, no bound on the total.
type retryPolicy struct {
	attempts, delay, factor, maxDelay, jitter, total Dynamic
	// When decides by result and error whether to continue; without it only failures of the world are
	// attempted again, never a refusal, a defect or an interruption, nor what a single step cannot do however
	// often it tries.
	When *expression.Expression
}

// patience is a retry policy with its values known.
type patience struct {
	Attempts        int
	delay, maxDelay time.Duration
	factor, jitter  float64
	Total           time.Duration
}

func (r *retryPolicy) Evaluate(names map[string]any) (patience, error) {
	p := patience{Attempts: 1, factor: 1}
	if r == nil {
		return p, nil
	}
	var failed error
	set := func(d Dynamic, assign func(v any)) {
		if d == nil || failed != nil {
			return
		}
		v, err := d.Evaluate(names)
		if err != nil {
			failed = err
			return
		}
		assign(v)
	}
	set(r.attempts, func(v any) { p.Attempts = max(v.(int), 1) })
	set(r.delay, func(v any) { p.delay = v.(value.Duration).Std() })
	set(r.maxDelay, func(v any) { p.maxDelay = v.(value.Duration).Std() })
	set(r.total, func(v any) { p.Total = v.(value.Duration).Std() })
	set(r.factor, func(v any) { p.factor = math.Max(v.(float64), 1) })
	set(r.jitter, func(v any) { p.jitter = math.Min(math.Max(v.(float64), 0), 1) })
	return p, failed
}

// Pause is the wait behind attempt number n, counted from 1. Jitter takes away up to its share, so that the
// wait never exceeds the cap.
func (p patience) Pause(n int) time.Duration {
	wait := float64(p.delay) * math.Pow(p.factor, float64(n-1))
	if p.maxDelay > 0 {
		wait = math.Min(wait, float64(p.maxDelay))
	}
	wait -= wait * p.jitter * rand.Float64()
	return time.Duration(math.Min(wait, math.MaxInt64/2))
}

// Again reports whether an attempt that ended so is made once more. One that is made of steps, composed, may
// do in its next attempt what a step in it lacked in this one.
func (r *retryPolicy) Again(err error, composed bool, result map[string]any, names map[string]any) (bool, error) {
	class := fault.ClassOf(err)
	if class == fault.Interrupted {
		return false, nil
	}
	if r.When == nil {
		return class == fault.Failed && (composed || !fault.IsPermanent(err)), nil
	}
	if result == nil {
		result = map[string]any{}
	}
	inner := With(With(names, "error", runstate.ErrorValues(runstate.RecordOf(err))), "result", result)
	answer, evaluated := r.When.Evaluate(inner)
	if evaluated != nil {
		return false, evaluated
	}
	return answer.(bool), nil
}
