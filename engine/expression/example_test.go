package expression_test

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
)

// An expression is checked before anything runs, and evaluated later, with values.
func ExampleCompile() {
	scope := expression.NewScope().With("count", value.Of(value.KindInt))
	compiled, problems := expression.Compile("count * 2 > 10", scope, value.Of(value.KindBool))
	fmt.Println(len(problems))
	result, err := compiled.Evaluate(map[string]any{"count": 6})
	fmt.Println(result, err)
	_, problems = expression.Compile("cuont > 10", scope, value.Of(value.KindBool))
	fmt.Println(problems[0].Message)
	// Output:
	// 0
	// true <nil>
	// there is no name "cuont" here
}
