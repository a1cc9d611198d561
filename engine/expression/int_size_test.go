package expression

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
)

// TestIntsThatDoNotFit: on every machine, with 32 bits or 64, a number that is too big for an int is an
// error, and never another number.
func TestIntsThatDoNotFit(t *testing.T) {
	fits := func(number int64) bool { return number >= math.MinInt && number <= math.MaxInt }
	for source, want := range map[string]int64{
		`bytes(size("2147483647B"))`: math.MaxInt32,
		`bytes(size("3GiB"))`:        3 << 30,
		`int(float("2147483647"))`:   math.MaxInt32,
		`int(float("3000000000"))`:   3000000000,
		`int("3000000000")`:          3000000000,
	} {
		compiled, problems := Compile(source, testScope(), value.Of(value.KindInt))
		if len(problems) > 0 { // a constant is computed at once
			if fits(want) || !strings.Contains(problems[0].Message, "too big") {
				t.Errorf("%s: %+v", source, problems)
			}
			continue
		}
		got, err := compiled.Evaluate(nil)
		switch {
		case fits(want) && (err != nil || got != int(want)):
			t.Errorf("%s is %v, %v", source, got, err)
		case !fits(want) && (err == nil || !strings.Contains(err.Error(), "too big")):
			t.Errorf("%s is %v, %v, on a machine with 32 bits", source, got, err)
		}
	}
	over := fmt.Sprint(math.MaxInt, " + 1")
	_, problems := Compile(over, testScope(), value.Of(value.KindInt))
	if len(problems) != 1 || problems[0].Message != over+" is too big for an int" {
		t.Errorf("%s: %+v", over, problems)
	}
}
