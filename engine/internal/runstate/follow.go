package runstate

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine/regular"
)

// followPause lies between two looks at a log that grows.
const followPause = 100 * time.Millisecond

// FollowedLog reads all logs of a run one after the other, and waits at the end while a process works on the
// run.
type FollowedLog struct {
	ctx   context.Context
	state State
	run   string
	// next is the place of the next log in the list; file is the one that is read.
	next int
	file *os.File
}

// FollowLog opens the logs of a run, the newest where id is "". Its end comes when no process works on the
// run any more, or when ctx is cancelled.
func (s State) FollowLog(ctx context.Context, id string) (*FollowedLog, error) {
	chosen, err := Choose(s, id)
	if err != nil {
		return nil, err
	}
	return &FollowedLog{ctx: ctx, state: s, run: chosen}, nil
}

// Run is the id of the run.
func (f *FollowedLog) Run() string { return f.run }

// Read implements io.Reader.
func (f *FollowedLog) Read(into []byte) (int, error) {
	for {
		held, err := f.state.Holder()
		live := err == nil && held != nil && held.Run == f.run && BundledState(f.state) == nil // asked first: what is written before the end is read after it
		if f.file != nil {
			count, err := f.file.Read(into)
			if count > 0 || err != nil && !errors.Is(err, io.EOF) {
				return count, err
			}
		}
		opened, err := f.open()
		switch {
		case err != nil:
			return 0, err
		case opened && len(into) > 0:
			into[0] = '\n' // a line that a crash cut off in the log before stays one of its own
			return 1, nil
		case !live || Sleep(f.ctx, followPause) != nil:
			return 0, io.EOF
		}
	}
}

// open continues to the next log, if there is one.
func (f *FollowedLog) open() (bool, error) {
	files, err := DirectoryOf(f.state, f.run).listLogs()
	if err != nil || f.next >= len(files) {
		return false, err
	}
	file, err := regular.Open(files[f.next], os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	_ = f.Close()
	f.file, f.next = file, f.next+1
	return true, nil
}

// Close closes the log that is read.
func (f *FollowedLog) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
