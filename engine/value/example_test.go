package value_test

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/value"
)

// An input of a recipe is read by its type: what is not a value of it is an error.
func ExampleParse() {
	for _, text := range []string{"90s", "a while"} {
		read, err := value.Parse(value.Of(value.KindDuration), text)
		fmt.Println(read, err)
	}
	// Output:
	// 1m30s <nil>
	// 0s "a while" is not a duration
}
