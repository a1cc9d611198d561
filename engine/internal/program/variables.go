package program

import "github.com/gwe-project/gwe/engine/fault"

// EvaluateVariables evaluates vars, each of which may read those above it.
func EvaluateVariables(variables []NamedValue, names map[string]any) (map[string]any, error) {
	values := map[string]any{}
	names = With(names, "vars", values)
	for _, variable := range variables {
		v, err := variable.Value.Evaluate(names)
		if err != nil {
			return nil, VariableInvalid(variable.Name, err)
		}
		values[variable.Name] = v
	}
	return values, nil
}

// VariableInvalid says that a variable cannot be evaluated.
func VariableInvalid(name string, err error) error {
	return fault.New(fault.Refused, "variable-invalid", "the variable %s cannot be evaluated", name).WithCause(err)
}
