package process

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"

	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// Account is the user that a program runs as.
type Account struct {
	UID, GID uint32
	// Groups are its further groups; none are inherited.
	Groups []uint32
}

// Confinement bounds what a program can change, with all that it starts, for good: the kernel refuses the
// rest (Landlock).
type Confinement struct {
	// Writable are the files and directories that it may change. What does not exist when it starts is left
	// out.
	Writable []string
}

const (
	// confinesFiles is the version of Landlock that also knows truncate(2): Linux 6.2.
	confinesFiles = 3
	// confinesTCP is the one that knows TCP: Linux 6.7.
	confinesTCP = 4
)

const changeFile = kernel.AccessFSWriteFile | kernel.AccessFSTruncate

const changeDirectory = changeFile | kernel.AccessFSRemoveDir | kernel.AccessFSRemoveFile | kernel.AccessFSRefer |
	kernel.AccessFSMakeChar | kernel.AccessFSMakeDir | kernel.AccessFSMakeReg | kernel.AccessFSMakeSock |
	kernel.AccessFSMakeFifo | kernel.AccessFSMakeBlock | kernel.AccessFSMakeSym

// devices may be written to by every program.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"}

// CanConfine reports whether the kernel can confine programs, and whether TCP belongs to that. The fault is
// confine-unsupported (refused).
func CanConfine() (tcp bool, err error) {
	version, err := kernel.LandlockGetABIVersion()
	if err != nil {
		version = 0
	}
	if version >= confinesFiles {
		return version >= confinesTCP, nil
	}
	why := fmt.Sprintf("its Landlock has version %d", version)
	if version < 1 {
		why = "it has no Landlock"
	}
	return false, fault.New(fault.Refused, "confine-unsupported", "cannot confine a program: this kernel cannot do that, %s", why).
		WithHint("boot Linux 6.2 or newer with landlock in its lsm= list, or leave confine out and set user").AsPermanent()
}

// limit takes from this thread, and so from what it starts, the rights that the command does not have.
func (c Command) limit() error {
	if c.NoNewPrivileges || c.Confine != nil {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no-new-privileges: %w", err)
		}
	}
	if c.Confine == nil {
		return nil
	}
	return c.Confine.enter()
}

// enter confines this thread.
func (c Confinement) enter() error {
	tcp, err := CanConfine()
	if err != nil {
		return err
	}
	attributes := kernel.RulesetAttr{HandledAccessFS: changeDirectory}
	if tcp {
		attributes.HandledAccessNet = kernel.AccessNetBindTCP | kernel.AccessNetConnectTCP
	}
	rules, err := kernel.LandlockCreateRuleset(&attributes, 0)
	if err != nil {
		return fmt.Errorf("landlock_create_ruleset: %w", err)
	}
	defer unix.Close(rules)
	for _, path := range append(append([]string(nil), devices...), c.Writable...) {
		if err := allow(rules, path); err != nil {
			return fmt.Errorf("landlock_add_rule %s: %w", path, err)
		}
	}
	if err := kernel.LandlockRestrictSelf(rules, 0); err != nil {
		return fmt.Errorf("landlock_restrict_self: %w", err)
	}
	return nil
}

// allow lets what is at a path, and below it, be changed.
func allow(rules int, path string) error {
	handle, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil {
		return err
	}
	rule := kernel.PathBeneathAttr{AllowedAccess: changeFile, ParentFd: handle}
	if status.Mode&unix.S_IFMT == unix.S_IFDIR {
		rule.AllowedAccess = changeDirectory
	}
	err = kernel.LandlockAddPathBeneathRule(rules, &rule, 0)
	runtime.KeepAlive(&rule)
	return err
}
