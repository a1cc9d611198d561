package check

import (
	"context"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Assert is the step type assert.
func Assert() step.Type {
	return step.New(step.About{
		Name:    "assert",
		Summary: "Refuse to continue unless a condition holds",
		Doc:     assertDoc,
		Example: "assert:\n  that: ${{ inputs.version > host.version }}\n  message: this machine already runs ${{ host.version }}\n",
	}, assert{})
}

const assertDoc = `The condition is any expression that is true or false. Where it is false, the step fails as refused: the run ends with
exit code 6 if nothing was done before. Otherwise the run is rolled back.

A plan shows how the condition stands now. Where it is false, and no step before can make it true, gwe plan ends with exit code 6.`

type assertArguments struct {
	That    bool   `name:"that" required:"true" help:"the condition that must hold"`
	Message string `name:"message" default:"the condition does not hold" help:"what to tell people when it does not"`
}

type assert struct{}

func (assert) Plan(_ context.Context, _ step.Machine, arguments assertArguments) (step.Plan, error) {
	if arguments.That {
		return step.Plan{Do: []string{"continue: the condition holds"}}, nil
	}
	return step.Plan{Do: []string{"refuse: " + strings.Join(strings.Fields(arguments.Message), " ")}, Fails: arguments.failed()}, nil
}

func (assert) Prepare(context.Context, *step.Run, assertArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (assert) Do(_ context.Context, _ *step.Run, arguments assertArguments, _ step.Nothing) (step.Nothing, error) {
	if !arguments.That {
		return step.Nothing{}, arguments.failed()
	}
	return step.Nothing{}, nil
}

func (a assertArguments) failed() error {
	return fault.New(fault.Refused, "assert-failed", "%s", a.Message)
}

func (assert) Undo(context.Context, *step.Run, assertArguments, step.Nothing) error { return nil }
