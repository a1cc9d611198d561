package scratch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// Command is this program once more, as the first process of new namespaces. It must call Enter before
// anything else. When ctx ends, or this process does, all that runs there is killed.
func Command(ctx context.Context, arguments ...string) (*exec.Cmd, error) {
	users, groups, err := identities()
	if err != nil {
		return nil, err
	}
	command := Self(ctx, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings:                users,
		GidMappings:                groups,
		GidMappingsEnableSetgroups: os.Geteuid() == 0,
		Pdeathsig:                  syscall.SIGKILL,
	}
	return command, nil
}

// Self is this program once more. It goes by the file that runs now, whatever has become of its name.
func Self(ctx context.Context, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "/proc/self/exe")
	command.Args = append([]string{"gwe"}, arguments...)
	return command
}

// identities maps users and groups: root keeps all ids that it has; anybody else becomes root, and is the
// only user.
func identities() (users, groups []syscall.SysProcIDMap, err error) {
	if os.Geteuid() != 0 {
		one := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
		return one(os.Geteuid()), one(os.Getegid()), nil
	}
	if users, err = ownMap("/proc/self/uid_map"); err == nil {
		groups, err = ownMap("/proc/self/gid_map")
	}
	return users, groups, err
}

// ownMap reads the ids of this process's own user namespace: see user_namespaces(7).
func ownMap(file string) ([]syscall.SysProcIDMap, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, cannot("read the ids of this user", err)
	}
	var all []syscall.SysProcIDMap
	for line := range strings.Lines(string(text)) {
		var inside, outside, count int64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil {
			return nil, cannot("read the ids of this user", err)
		}
		// An int has 32 bits on small machines, and no id above that is in use.
		all = append(all, syscall.SysProcIDMap{ContainerID: int(inside), HostID: int(inside), Size: int(min(count, 1<<31-1-inside))})
	}
	return all, nil
}

// Refused makes of an error of starting a Command one that says what to do.
func Refused(err error) error { return cannot("make namespaces", err) }

func cannot(what string, err error) error {
	return fault.New(fault.Refused, "scratch-refused", "a test cannot be kept apart from this machine: cannot %s", what).WithCause(err).
		WithHint("%s", cure)
}

// cure is what helps where the kernel does not let a test be isolated.
const cure = "tests run in namespaces of their own (user, mount, pid, network): that needs Linux 5.12 or newer, and the right " +
	"to make them; give a container --privileged; on Ubuntu 23.10 or newer run the tests as root, or set the sysctl " +
	"kernel.apparmor_restrict_unprivileged_userns to 0; where the sysctl user.max_user_namespaces is 0, raise it"
