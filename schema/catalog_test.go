package schema_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// catalog is what people's recipes are checked against.
func catalog() step.Catalog { return steps.Catalog() }

// vendor is a step type of somebody else, with shapes of arguments that none of ours has.
type vendor struct{}

type account struct {
	User string `name:"user" required:"true" help:"name of the user"`
	ID   int    `name:"id" help:"number of the user"`
}

type vendorArguments struct {
	Owner  account        `name:"owner" required:"true" help:"whose it is"`
	Wait   value.Duration `name:"wait" default:"5s" help:"pause"`
	Ratio  float64        `name:"ratio" default:"0.5" help:"share"`
	Least  value.Version  `name:"least" help:"lowest version"`
	Labels map[string]int `name:"labels" help:"numbers by name"`
	Extra  any            `name:"extra" help:"whatever"`
}

func (vendor) Plan(context.Context, step.Machine, vendorArguments) (step.Plan, error) {
	return step.Plan{}, nil
}
func (vendor) Prepare(context.Context, *step.Run, vendorArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}
func (vendor) Do(context.Context, *step.Run, vendorArguments, step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, nil
}
func (vendor) Undo(context.Context, *step.Run, vendorArguments, step.Nothing) error { return nil }

func vendorCatalog() step.Catalog {
	about := step.About{Name: "vendor-set", Summary: "Set what only the vendor knows"}
	return append(catalog(), step.New[vendorArguments, step.Nothing, step.Nothing](about, vendor{}))
}

// TestVendorArguments: what a step type declares is checked, whoever wrote it.
func TestVendorArguments(t *testing.T) {
	for arguments, wanted := range map[string]string{
		"{ owner: { user: a, id: 5 }, wait: 5s, ratio: 1, least: '1.10', labels: { a: 1 }, extra: [1, { a: b }] }": "",
		"{ owner: ${{ vars.owner }}, ratio: ${{ 0.5 }} }":                                                          "",
		"{ owner: { usr: a } }":                            `4:28: owner has no argument "usr"`,
		"{ owner: { id: 5 } }":                             `4:26: owner lacks the argument "user"`,
		"{ owner: me }":                                    "4:26: owner: expected",
		"{ owner: [me] }":                                  "4:26: owner is",
		"{ owner: { user: a, id: me } }":                   "4:41: id: expected an int",
		"{ owner: { user: a }, wait: 5 }":                  "4:45: wait: expected a duration",
		"{ owner: { user: a }, ratio: half }":              "4:46: ratio: expected a float",
		"{ owner: { user: a }, least: 1.10 }":              "4:46: least: expected a version",
		"{ owner: { user: a }, labels: { a: b } }":         "4:52: labels.a: expected an int",
		"{ owner: { user: a }, extra: [1, { a: 0644 }] }":  "4:55: extra[1].a: YAML reads 0644 as the number 420",
		"{ owner: { user: a }, extra: [1, { a: null }] }":  "4:55: extra[1].a has no value",
		"{ owner: { user: a }, owners: [], labels: [a] }":  "4:39: vendor-set has no argument",
		"{ owner: { user: a }, ratio: '0.5', labels: {} }": "4:46: ratio: expected a float",
	} {
		written := arguments
		if strings.Contains(written, "${{") {
			written = strings.NewReplacer("${{", `"${{`, "}}", `}}"`).Replace(written)
		}
		_, diagnostics := schema.Parse("a.yaml", []byte("gwe: 1\nname: a\nsteps:\n  - vendor-set: "+written+"\n"), vendorCatalog())
		got := ""
		if len(diagnostics) > 0 {
			got = diagnostics[0].Position.String() + ": " + diagnostics[0].Message
		}
		if !strings.HasPrefix(got, wanted) || wanted == "" && got != "" {
			t.Errorf("%s: %q, wanted %q", arguments, got, wanted)
		}
	}
	reader(t, vendorCatalog()) // and the JSON Schema of such arguments can be read
}
