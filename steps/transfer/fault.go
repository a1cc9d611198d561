package transfer

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/durable"
)

// explain is durable.Explain, but an order to stop stays what it is.
func explain(err error, format string, arguments ...any) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return durable.Explain(err, format, arguments...)
}
