package proof

import (
	"fmt"
	"time"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// untilOnce: until is asked after each attempt, and without retry there is one.
func (c *checker) untilOnce(s *schema.Step) {
	if s.Until == nil || s.Retry != nil || c.recipe.Defaults.Retry != nil {
		return
	}
	c.warn(s, s.Until.Span, UntilOnce, "until is asked once: without retry, the step fails where it does not hold at the first look",
		"add retry: {attempts: 10, delay: 2s}, or wait with wait-for")
}

// timeoutTooShort: what waits longer than the time-out around it never comes to its own end, and the error
// names the wrong reason.
func (c *checker) timeoutTooShort(s *schema.Step, around []*schema.Step, defaults *schema.Setting) {
	leaf, isLeaf := s.Action.(schema.Leaf)
	limit, known := literalDuration(s.Timeout)
	name := "its timeout"
	if !known && isLeaf && s.Timeout == nil {
		limit, known = literalDuration(defaults)
		name = "the timeout of defaults"
	}
	if isLeaf && leaf.Type != nil && known {
		if waits, argument := patience(leaf); waits > limit {
			c.report(s, spanOf(leaf, argument), TimeoutTooShort,
				fmt.Sprintf("%s waits for up to %s (%s), and %s ends it after %s", leaf.Key.Text, value.DurationOf(waits), argument, name, value.DurationOf(limit)),
				fmt.Sprintf("raise the timeout above %s, or lower %s", value.DurationOf(waits), argument))
		}
	}
	if s.Retry == nil {
		return
	}
	delay, _ := literalDuration(s.Retry.Delay)
	if total, bounded := literalDuration(s.Retry.Total); bounded && delay >= total && total > 0 {
		c.report(s, s.Retry.Delay.Span, TimeoutTooShort, fmt.Sprintf("the delay of %s is not over when the total of %s is: there is one attempt",
			value.DurationOf(delay), value.DurationOf(total)), "raise total, or lower delay")
	}
	if most, capped := literalDuration(s.Retry.MaxDelay); capped && most < delay {
		c.report(s, s.Retry.MaxDelay.Span, TimeoutTooShort, fmt.Sprintf("max-delay %s is shorter than the first delay of %s", value.DurationOf(most), value.DurationOf(delay)),
			"raise max-delay, or lower delay")
	}
	for _, outer := range around {
		c.delayWithin(s, delay, outer.Timeout, "the group")
	}
	c.delayWithin(s, delay, c.recipe.Timeout, "the recipe")
}

func (c *checker) delayWithin(s *schema.Step, delay time.Duration, limit *schema.Setting, whose string) {
	if around, known := literalDuration(limit); known && delay >= around {
		c.report(s, s.Retry.Delay.Span, TimeoutTooShort, fmt.Sprintf("the delay of %s is not over when the timeout of %s (%s) is", value.DurationOf(delay), whose, value.DurationOf(around)),
			"raise that timeout, or lower delay")
	}
}

// waitsWithin: a group's or the recipe's time-out bounds what its steps wait for.
func (c *checker) waitsWithin(a *act) {
	if a.leaf.Type == nil {
		return
	}
	waits, argument := patience(a.leaf)
	check := func(limit *schema.Setting, whose string) {
		if around, known := literalDuration(limit); known && waits > around {
			c.report(a.step, spanOf(a.leaf, argument), TimeoutTooShort, fmt.Sprintf("%s waits for up to %s (%s), and the timeout of %s ends it after %s",
				a.leaf.Key.Text, value.DurationOf(waits), argument, whose, value.DurationOf(around)), fmt.Sprintf("raise that timeout, or lower %s", argument))
		}
	}
	for _, outer := range a.around {
		check(outer.Timeout, "the group")
	}
	check(c.recipe.Timeout, "the recipe")
	interval, within := literal(a.leaf, "interval"), literal(a.leaf, "within")
	pause, failed := value.ParseDuration(interval)
	if whole, err := value.ParseDuration(within); failed == nil && err == nil && interval != "" && within != "" && pause.Std() >= whole.Std() {
		c.report(a.step, spanOf(a.leaf, "interval"), TimeoutTooShort, fmt.Sprintf("the interval of %s is not over when within (%s) is: there is one try", interval, within),
			"lower interval, or raise within")
	}
}

// patience is how long a step waits for the world, by the argument that says so; 0 where it does not.
func patience(leaf schema.Leaf) (time.Duration, string) {
	for _, name := range []string{"within", "wait"} {
		field, known := leaf.Type.Arguments().Field(name)
		if !known || field.Type.Kind != value.KindDuration {
			continue
		}
		text := field.Default
		if _, given := leaf.Arguments.Get(name); given {
			text = literal(leaf, name)
		}
		if waits, err := value.ParseDuration(text); err == nil {
			return waits.Std(), name
		}
	}
	return 0, ""
}
