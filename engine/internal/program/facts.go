package program

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Fact is one of a recipe's facts, compiled: one of run, file and free is not nil.
type Fact struct {
	Declared        *schema.Fact
	Run, File, Free Dynamic
	Timeout         Dynamic
}

// Parse makes the fact's value of its text.
func (f *Fact) Parse(text string) (any, error) {
	v, err := value.Parse(f.Declared.Type, text)
	if err != nil {
		return nil, fault.New(fault.Refused, "fact-invalid", "the fact %s is not what the recipe says", f.Declared.Name.Text).WithCause(err).
			WithHint("give it the type that it has; a string takes any text")
	}
	return v, nil
}

// Texts are the elements of a list<string>.
func Texts(list any) []string {
	var all []string
	for _, one := range list.([]any) {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

// FactsType is the object type of the name facts.
func FactsType(compiled *Program) value.Type {
	object := value.Type{Kind: value.KindObject}
	for _, f := range compiled.Facts {
		object.Fields = append(object.Fields, value.Field{Name: f.Declared.Name.Text, Type: f.Declared.Type, Optional: f.Declared.Optional})
	}
	return object
}
