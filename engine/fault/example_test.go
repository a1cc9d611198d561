package fault_test

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/gwe-project/gwe/engine/fault"
)

// An error of gwe has a code that programs can tell, and a hint that people can follow.
func ExampleAs() {
	err := fmt.Errorf("step x: %w", fault.New(fault.Failed, "site-missing", "cannot read the name of the site").WithHint("write /etc/site").WithCause(fs.ErrNotExist))
	if found := fault.As(err); found != nil {
		fmt.Println(found.Code, "|", found.Hint)
	}
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// site-missing | write /etc/site
	// true
}
