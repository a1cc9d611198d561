package proof

import (
	"fmt"
	"regexp"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/schema"
)

// reach: something must lead to every step of a list, and no guard may be false for ever.
func (c *checker) reach(steps []*schema.Step) {
	var stop *schema.Step
	for _, s := range steps {
		switch truth, known := constant(s.When); {
		case stop != nil:
			c.unreachable(s, s.Span, fmt.Sprintf("this step never runs: the stop on line %d ends every run before it", stop.Line), "give the stop a when")
			continue
		case known && !truth:
			c.unreachable(s, s.When.Span, "this step never runs: its when is always false", "take the step out, or let the guard read something")
		case known:
			if _, stops := s.Action.(schema.Stop); stops {
				stop = s
			}
		}
	}
}

func (c *checker) unreachable(s *schema.Step, at schema.Span, message, hint string) {
	below(s, true, func(inner *schema.Step) {
		if inner.ID != nil {
			c.never[inner.ID.Text] = true
		}
	})
	c.report(s, at, Unreachable, message, hint)
}

// readStep finds the steps that an expression reads.
var readStep = regexp.MustCompile(`\bsteps\.([a-z][a-z0-9_]*)`)

// outputs: what the recipe gives back must be set on some path.
func (c *checker) outputs() {
	for _, output := range c.recipe.Outputs {
		scalar, ok := output.Value.(schema.Scalar)
		if !ok {
			continue
		}
		parts, problem := expression.Split(scalar.Text)
		if problem != nil {
			continue
		}
		for _, part := range parts {
			if !part.Expression {
				continue
			}
			for _, read := range readStep.FindAllStringSubmatch(part.Source, -1) {
				if c.never[read[1]] {
					c.add(schema.Error, scalar.Span, OutputUnset,
						fmt.Sprintf("the output %s is never set: step %s never runs", output.Name.Text, read[1]), "take the output out, or let the step run")
				}
			}
		}
	}
}
