package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
)

// environment is what a program gets: the fixed base, those of the user that it runs as, the recipe's
// variables over them, and gwe's own over all, for recovery knows its processes by them.
func environment(given map[string]string, user, own []string) ([]string, error) {
	variables := append(process.BaseEnvironment(), user...)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(given[name], 0) {
			return nil, fault.New(fault.Refused, "variable-invalid", "%q cannot be an environment variable", name).
				WithHint("a name has no = in it and is not empty, and neither name nor value holds a NUL byte")
		}
		variables = append(variables, name+"="+given[name])
	}
	return append(variables, own...), nil
}
