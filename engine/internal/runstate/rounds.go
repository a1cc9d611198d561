package runstate

import (
	"slices"
	"strconv"
	"strings"
)

// Rounds are the numbers of the rounds of all for-each around a step, outermost first, from 0.
type Rounds []int

// In cuts the rounds to the outermost ones, as many as there are for-each around a step.
func (r Rounds) In(loops int) Rounds { return r[:min(loops, len(r))] }

// Next are the rounds of one round more, inside these.
func (r Rounds) Next(number int) Rounds { return append(slices.Clone(r), number) }

func (r Rounds) Key() string {
	if len(r) == 0 {
		return ""
	}
	var text strings.Builder
	for _, number := range r {
		text.WriteString(strconv.Itoa(number))
		text.WriteByte('.')
	}
	return text.String()
}
