package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

// dialSocket connects to the socket at a path. Links on the way and at its end are followed by the rule of
// package openat: a user who owns the directory of a daemon's socket does not make root's gwe stop the
// programs of another daemon. What was looked at is what is connected to.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	failed := func(err error) error {
		if found := fault.As(err); found != nil {
			return found
		}
		var wrong *fs.PathError
		if errors.As(err, &wrong) {
			err = wrong.Err
		}
		return &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: path, Net: "unix"}, Err: err}
	}
	dir, name, err := openat.Follow(path)
	if err != nil {
		return nil, failed(err)
	}
	defer dir.Close()
	socket, err := dir.Entry(name)
	if err != nil {
		return nil, failed(err)
	}
	defer socket.Close()
	connection, err := new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", socket.Descriptor()))
	var dialing *net.OpError
	if errors.As(err, &dialing) {
		dialing.Addr = &net.UnixAddr{Name: path, Net: "unix"} // for people
	}
	return connection, err
}
