package claim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/trust"
)

// Place is where the gwes of one user meet.
type Place struct {
	// Live is the directory of the claims of running processes. Each gwe of the user must find the same.
	Live string
	// Kept is the directory of the records of state directories, which should outlive a reboot.
	Kept string
	// Spare takes the records where Kept cannot be written; "" where there is nothing else.
	Spare string
}

// Variable names the environment variable that says where the place is, for a device where the usual one
// cannot be written.
const Variable = "GWE_LOCK_DIR"

// Usual is the place of this process's user: for root /run/gwe/locks and /var/lib/gwe/targets; for another
// user, and for a root without rights on the machine, directories below XDG_STATE_HOME or HOME, or below
// /var/tmp where these cannot be written.
func Usual(environment func(string) string) Place {
	if chosen := environment(Variable); chosen != "" {
		return Place{Live: filepath.Join(chosen, "locks"), Kept: filepath.Join(chosen, "targets")}
	}
	if os.Geteuid() == 0 && (writable("/run/gwe/locks") || !confined()) {
		return Place{Live: "/run/gwe/locks", Kept: "/var/lib/gwe/targets", Spare: "/run/gwe/targets"}
	}
	return usualOfUser(os.Geteuid(), environment)
}

func usualOfUser(user int, environment func(string) string) Place {
	var own []string
	if chosen := environment("XDG_STATE_HOME"); filepath.IsAbs(chosen) {
		own = append(own, filepath.Join(chosen, "gwe"))
	}
	if home := environment("HOME"); filepath.IsAbs(home) {
		own = append(own, filepath.Join(home, ".local", "state", "gwe"))
	}
	for _, directory := range own {
		if writable(directory) && safe(directory) == nil {
			return Place{Live: filepath.Join(directory, "locks"), Kept: filepath.Join(directory, "targets")}
		}
	}
	directory := "/var/tmp"
	if !writable(directory) {
		directory = os.TempDir()
	}
	directory = filepath.Join(directory, "gwe-"+strconv.Itoa(user))
	return Place{Live: filepath.Join(directory, "locks"), Kept: filepath.Join(directory, "targets")}
}

// confined reports whether root is root in a user namespace only: whoever made that may be an ordinary user.
func confined() bool {
	status, err := os.Stat("/")
	return err == nil && status.Sys().(*syscall.Stat_t).Uid != 0
}

// writable reports whether a directory can be written, or made. It makes nothing.
func writable(path string) bool { return access(path) == nil }

func access(path string) error {
	for {
		err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return &fs.PathError{Op: "access", Path: path, Err: err}
		}
		path = filepath.Dir(path)
	}
}

// Check refuses a place where nothing could be claimed. It makes nothing.
func (p Place) Check() error {
	if err := safe(p.Live); err != nil {
		return err
	}
	if err := access(p.Live); err != nil {
		return unusable(p.Live, err)
	}
	return nil
}

// open makes the directory where it is missing, and refuses one that a less trusted user could write.
func open(directory string) error {
	if err := safe(directory); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(directory), 0o755); err != nil {
		return unusable(directory, err)
	}
	if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return unusable(directory, err)
	}
	return safe(directory) // as it is now: another process may have made it
}

// safe refuses a directory that a user other than root and this one could write, put another in the place of,
// or make.
func safe(directory string) error {
	if !filepath.IsAbs(directory) {
		return fault.New(fault.Refused, "lock-directory-unusable", "cannot use the directory of locks %s: it is not an absolute path", directory).
			WithHint("give %s as a path from the root, the same for every gwe of this user", Variable)
	}
	weak, err := trust.Find(directory)
	if err != nil {
		return unusable(directory, err)
	}
	if weak != nil {
		return fault.New(fault.Refused, "lock-directory-unsafe", "cannot lock in %s: %s", directory, weak).
			WithHint("run: %s; or name a directory that only this user can write with %s, the same for every gwe of this user", weak.Cure(), Variable)
	}
	status, err := os.Stat(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !status.IsDir():
		err = &fs.PathError{Op: "open", Path: directory, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return unusable(directory, err)
	}
	return nil
}

func unusable(directory string, cause error) error {
	return fault.New(fault.Refused, "lock-directory-unusable", "cannot use the directory of locks %s", directory).WithCause(cause).
		WithHint("let gwe write there (in a systemd unit: ReadWritePaths=%s), or name a directory that only this user can write with %s, the same for every gwe of this user",
			filepath.Dir(directory), Variable)
}
