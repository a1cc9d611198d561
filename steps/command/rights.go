package command

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

const rightsDoc = `

user and group are whom the program runs as, by name or by number: the user's own group and further groups where group is not given, and HOME, USER
and LOGNAME of that user. Only root may choose another user. no-new-privileges keeps the program and all that it starts from gaining rights: a
setuid program such as sudo then runs with the rights of its caller.

confine: true includes that, and has the kernel refuse every change of files but for what the locks of the recipe cover, what earlier steps of the
run have changed, and a directory of its own, TMPDIR, which is removed at its end. From Linux 6.7 on it can open no TCP connection and no TCP port either. Reading, signals, Unix
sockets, and changes of modes, owners and times stay, for the kernel does not confine these: give it a user of its own too. What a service does because the program
asks for it is not confined. Where the kernel cannot confine (Landlock before version
3, Linux 6.2), the run is refused before its first step.`

// rights are what a program may do, as the recipe says.
type rights struct {
	user, group           string
	noPrivileges, bounded bool
}

// account is whom the program runs as; nil is gwe's own user.
func (r rights) account() (account *process.Account, home []string, err error) {
	if r.user == "" && r.group == "" {
		return nil, nil, nil
	}
	made := process.Account{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if r.user != "" {
		if home, err = r.lookUp(&made); err != nil {
			return nil, nil, err
		}
	}
	if r.group != "" {
		if made.GID, err = groupID(r.group); err != nil {
			return nil, nil, err
		}
	}
	if os.Geteuid() == 0 {
		return &made, home, nil
	}
	if int(made.UID) == os.Geteuid() && int(made.GID) == os.Getegid() {
		return nil, home, nil
	}
	return nil, nil, fault.New(fault.Refused, "user-not-permitted", "cannot run a program as uid %d, gid %d: gwe is not root", made.UID, made.GID).
		WithHint("start gwe as root, or leave user and group out")
}

// lookUp fills in what the machine knows of the user.
func (r rights) lookUp(account *process.Account) (home []string, err error) {
	known, err := user.Lookup(r.user)
	number, notNumber := strconv.ParseUint(r.user, 10, 32)
	if err != nil && notNumber == nil {
		known, err = user.LookupId(r.user)
	}
	if err != nil {
		if notNumber == nil && r.group != "" {
			account.UID = uint32(number)
			return []string{"HOME=/"}, nil
		}
		unknown := fault.New(fault.Refused, "user-unknown", "this machine has no user %s", r.user)
		if notNumber == nil {
			return nil, unknown.WithHint("give group too: a number that no user has is in no group")
		}
		return nil, unknown.WithHint("make it in a step before; getent passwd lists the users")
	}
	if account.UID, err = identity(known.Uid); err != nil {
		return nil, err
	}
	if account.GID, err = identity(known.Gid); err != nil {
		return nil, err
	}
	groups, err := known.GroupIds()
	if err != nil {
		return nil, fault.New(fault.Errored, "user-unknown", "cannot read the groups of the user %s", r.user).WithCause(err)
	}
	for _, one := range groups {
		id, err := identity(one)
		if err != nil {
			return nil, err
		}
		account.Groups = append(account.Groups, id)
	}
	return []string{"HOME=" + cmp.Or(known.HomeDir, "/"), "USER=" + known.Username, "LOGNAME=" + known.Username}, nil
}

func groupID(group string) (uint32, error) {
	if id, err := strconv.ParseUint(group, 10, 32); err == nil {
		return uint32(id), nil
	}
	known, err := user.LookupGroup(group)
	if err != nil {
		return 0, fault.New(fault.Refused, "user-unknown", "this machine has no group %s", group).
			WithHint("make it in a step before; getent group lists the groups")
	}
	return identity(known.Gid)
}

func identity(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fault.New(fault.Errored, "user-unknown", "the machine says that %q is the number of a user or group", text).WithCause(err)
	}
	return uint32(id), nil
}

// check refuses early what could not run.
func (r rights) check() error {
	if r.bounded {
		if _, err := process.CanConfine(); err != nil {
			return err
		}
	}
	_, _, err := r.account()
	return err
}

// plan says what the program may do. A user that a step before may make need not be there yet.
func (r rights) plan(machine step.Machine) (string, error) {
	var said []string
	switch {
	case r.user != "" && r.group != "":
		said = append(said, "as "+r.user+":"+r.group)
	case r.user != "":
		said = append(said, "as "+r.user)
	case r.group != "":
		said = append(said, "with the group "+r.group)
	}
	if r.bounded {
		tcp, err := process.CanConfine()
		if err != nil {
			return "", step.Stands(err)
		}
		network := "TCP is not confined by this kernel"
		if tcp {
			network = "no TCP"
		}
		var paths []string
		if bounded, ok := machine.(step.Bounded); ok {
			paths = bounded.Writable()
		}
		said = append(said, fmt.Sprintf("confined: it may change %s; %s", strings.Join(append(paths, "what earlier steps changed", "its TMPDIR"), ", "), network))
	} else if r.noPrivileges {
		said = append(said, "without new privileges")
	}
	if len(said) == 0 {
		return "", nil
	}
	return " (" + strings.Join(said, "; ") + ")", nil
}

// apply gives a command its rights. done removes what was made for it, and is never nil.
func (r rights) apply(run *step.Run, command *process.Command) (done func(), err error) {
	done = func() {}
	command.NoNewPrivileges = r.noPrivileges || r.bounded
	if !r.bounded {
		return done, nil
	}
	if _, err := process.CanConfine(); err != nil {
		return done, err
	}
	own, err := os.MkdirTemp(temporary, temporaryName(run))
	if err != nil {
		return done, fault.New(fault.Failed, "temporary-directory", "cannot make a directory for %s in %s", run.Step, temporary).WithCause(err)
	}
	done = func() { _ = os.RemoveAll(own) }
	if command.As != nil {
		if err := give(own, *command.As); err != nil {
			done()
			return func() {}, fault.New(fault.Failed, "temporary-directory", "cannot give %s to uid %d", own, command.As.UID).WithCause(err)
		}
	}
	command.Environment = append(command.Environment, "TMPDIR="+own)
	writable := []string{own}
	if run.Writable != nil {
		writable = append(writable, run.Writable()...)
	}
	command.Confine = &process.Confinement{Writable: writable}
	return done, nil
}

// temporary is where confined programs have directories of their own.
const temporary = "/tmp"

func temporaryName(run *step.Run) string { return "gwe-" + run.ID + "-" + run.Step + "-" }

// give makes a directory that of another user.
func give(path string, account process.Account) error {
	directory, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Chown(int(account.UID), int(account.GID))
}

// clear removes the directories that a dead gwe has left behind.
func (r rights) clear(run *step.Run) error {
	if !r.bounded || run.ID == "" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(temporary, temporaryName(run)+"*"))
	for _, one := range left {
		if removed := os.RemoveAll(one); removed != nil {
			err = &step.Leftover{Err: removed}
		}
	}
	return err
}
