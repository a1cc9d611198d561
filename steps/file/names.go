package file

import (
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// missing marks an error of Plan that only a step changes which puts something there.
func missing(err error, from value.Path) error {
	if why := fault.As(err); why != nil && strings.HasSuffix(why.Code, "-missing") {
		return step.Stands(err, string(from))
	}
	return err
}
