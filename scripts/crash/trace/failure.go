//go:build amd64

package trace

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Failure is how calls fail: "EIO" is one call that does, "EIO-on" that one and every later one of the
// process that may.
type Failure string

// Failures are all there are.
var Failures = []string{"ENOSPC", "EIO", "EROFS", "EDQUOT", "EINTR", "ENOSPC-on", "EIO-on", "EROFS-on"}

var errnos = map[string]unix.Errno{
	"ENOSPC": unix.ENOSPC, "EIO": unix.EIO, "EROFS": unix.EROFS, "EDQUOT": unix.EDQUOT, "EINTR": unix.EINTR,
}

// Lasts reports whether the error stays.
func (f Failure) Lasts() bool { return strings.HasSuffix(string(f), "-on") }

// Applies leaves out what no kernel does: the first call that fails is such a one.
func (f Failure) Applies(call string) bool {
	if call == "execve" { // of these, it can fail by a bad disk only
		return f == "EIO"
	}
	return f != "ENOSPC-on" || takesSpace(call)
}

// At lets the first call fail, and of the later ones those that do.
func (f Failure) At(point Point, first bool) Action {
	if !first && (!f.Lasts() || point.Call == "execve" || f == "ENOSPC-on" && !takesSpace(point.Call)) {
		return GoOn()
	}
	return Fail(errnos[strings.TrimSuffix(string(f), "-on")])
}

// takesSpace reports whether a full disk refuses the call.
func takesSpace(call string) bool {
	return !slices.Contains([]string{"unlink", "chmod", "chown", "utimens", "execve", "truncate", "fsync", "fdatasync", "syncfs", "removexattr"}, call)
}
