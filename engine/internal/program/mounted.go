package program

import (
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/schema"
)

// MountedInputs refuses inputs whose paths do not lie where they must be mounted.
func MountedInputs(declared []*schema.Input, inputs map[string]any) error {
	for _, input := range declared {
		if err := MountedInput(input, inputs[input.Name.Text]); err != nil {
			return err
		}
	}
	return nil
}

// MountedInput refuses the path of an input that is given, and does not lie on the mount that the recipe asks
// for.
func MountedInput(input *schema.Input, given any) error {
	path, _ := given.(string)
	if input.Mounted == "" || path == "" {
		return nil
	}
	what := "the input " + input.Name.Text
	if input.Mounted == schema.Anywhere {
		return durable.RequireMounted(what, path)
	}
	if err := durable.RequireMount(what, input.Mounted); err != nil {
		return err
	}
	if !runstate.LiesIn(path, input.Mounted) && !runstate.LiesIn(runstate.Real(path), runstate.Real(input.Mounted)) {
		return fault.New(fault.Refused, "not-mounted", "cannot use %s: %s does not lie on the mount point %s", what, path, input.Mounted).
			WithHint("give a path on what is mounted there")
	}
	return nil
}
