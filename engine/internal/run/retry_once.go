package run

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// retryPause is the pause before what was refused during a rollback is tried once more: a bus that resets
// takes about that long.
const retryPause = time.Second

// retryOnce carries out a part of the way back, and once more where the system refused one of its calls:
// disks have moments, and a person may be far away. Every undo may run twice. What a program answers is its
// answer; who wants it asked again writes retry. Where that did not help, the rest of the way back does not
// wait for it. What is put off is tried again anyway.
func retryOnce[T any](ctx context.Context, x *Runner, postpone bool, task *tasklog.Task, try func() (T, error)) (T, error) {
	done, err := try()
	if err == nil || postpone || !refusedBySystem(err) {
		return done, err
	}
	task.Warn("it is tried once more: " + x.withoutSecrets(err).Error())
	if !x.insisted.Load() {
		_ = runstate.Sleep(context.WithoutCancel(ctx), retryPause)
	}
	if done, err = try(); err != nil {
		x.insisted.Store(true)
	}
	return done, err
}

// refusedBySystem reports whether a call failed that may be made again. That is not a sync: a second one
// would report a success that never was. Nor is it the start of a program that does not exist.
func refusedBySystem(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && !durable.IsSync(err) && !fault.IsPermanent(err)
}
