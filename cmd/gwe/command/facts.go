package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/value"
)

func factsCommand() command {
	return command{
		name:     "facts",
		operands: "[RECIPE]",
		offers:   first(recipeOffers),
		summary:  "show what recipes find out about this machine",
		help: `
The names under host are there for every recipe: host.memory, say. With RECIPE, the facts that it declares are read too,
as a run would read them: its programs are run. Nothing else of the recipe is.

example:
  gwe facts
  gwe facts ./gateway.yaml -i target=/opt/firmware --output json`,
		teachMore: describeInputs,
		setUp: func(flags *pflag.FlagSet) action {
			var inputs inputFlags
			inputs.declare(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				host, hostType, err := engine.HostFacts()
				if err != nil {
					return err
				}
				var facts []engine.Fact
				if len(operands) > 0 {
					if facts, err = factsOf(ctx, console, operands, inputs); err != nil {
						return err
					}
				}
				if console.global.output == "json" {
					err = factsJSON(console.stdout, host, hostType, facts)
				} else {
					err = factsText(console.stdout, host, hostType, facts)
				}
				for _, fact := range facts {
					if err == nil {
						err = fact.Err
					}
				}
				return err
			}
		},
	}
}

func factsOf(ctx context.Context, console *console, operands []string, inputs inputFlags) ([]engine.Fact, error) {
	console.acts = true // the programs of the recipe's facts run
	program, err := loadRecipe(console, operands)
	if err != nil {
		return nil, err
	}
	given, err := inputs.read(ctx, console)
	if err != nil {
		return nil, err
	}
	machine, _, err := console.engine()
	if err != nil {
		return nil, err
	}
	return machine.Facts(ctx, program, given)
}

func factsJSON(out io.Writer, host map[string]any, hostType value.Type, facts []engine.Fact) error {
	told, err := value.ToJSON(hostType, host)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Host  json.RawMessage `json:"host"`
		Facts []engine.Fact   `json:"facts"`
	}{told, append([]engine.Fact{}, facts...)})
}

func factsText(out io.Writer, host map[string]any, hostType value.Type, facts []engine.Fact) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, field := range hostType.Fields {
		if field.Name == "interfaces" {
			continue // below: each has a line of its own
		}
		fmt.Fprintf(table, "host.%s\t%s\n", field.Name, shownFact(host[field.Name]))
	}
	for i, one := range host["interfaces"].([]any) {
		fmt.Fprintf(table, "host.interfaces[%d]\t%s\n", i, shownInterface(one.(map[string]any)))
	}
	for _, fact := range facts {
		shown := shownFact(fact.Value)
		if fact.Err != nil {
			shown = "cannot be read"
		}
		fmt.Fprintf(table, "facts.%s\t%s\t(%s)\n", fact.Name, shown, fact.Source)
	}
	return table.Flush()
}

func shownFact(v any) string {
	switch v := v.(type) {
	case nil:
		return "(absent)"
	case value.Size:
		return readable(v.Bytes())
	}
	return strings.Join(strings.Fields(value.Text(v)), " ")
}

func shownInterface(one map[string]any) string {
	state := "down"
	if one["up"].(bool) {
		state = "up"
	}
	words := []string{value.Text(one["name"]), state}
	if one["mac"] != nil {
		words = append(words, value.Text(one["mac"]))
	}
	for _, address := range one["addresses"].([]any) {
		words = append(words, value.Text(address))
	}
	return strings.Join(words, " ")
}

// readable rounds a number of bytes for people.
func readable(bytes int64) string {
	size, unit := float64(bytes), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	if unit == 0 || size >= 100 {
		return fmt.Sprintf("%.0f %s", size, units[unit])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
