package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// failsafeName is the name, beside the link, of the release to fall back to when nothing else is left.
const failsafeName = "failsafe"

// Failsafe is the step type failsafe.
func Failsafe() step.Type {
	return step.New(step.About{
		Name:    "failsafe",
		Summary: "Adopt the installation of the factory as the release to fall back to",
		Doc:     failsafeDoc,
		Example: "failsafe: { dir: /opt/firmware }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "dir"}},
		Undo:    "makes it a directory again, under its old name",
		Scalar:  "dir",
	}, failsafe{})
}

const failsafeDoc = `A machine often leaves the factory with a plain directory where later the link to the running release will be. This step renames
that directory, dir/current, to dir/failsafe, and puts a link to it in its place. The path leads to the same files at every moment: directory
and link change places in one call of the kernel. (On a file system that cannot exchange two names there is a moment without the
path; a crash in it is undone like any other.) Programs that run from the directory continue.

Where the link is there already, and failsafe too, there is nothing to do. Refused are a directory where failsafe is taken, a link
without a failsafe, a missing directory, and one that is a mount point.

prune never removes the failsafe, nor what it leads to where it is a link.

Undo makes it a directory again. A link that has been pointed elsewhere since is left alone, and the undo fails.`

type failsafeArguments struct {
	Dir  value.Path `name:"dir" required:"true" help:"the directory that holds the releases"`
	Link string     `name:"link" default:"current" help:"the name in dir of the directory, which becomes the link to the running release"`
}

// failsafeMemo is empty where there is nothing to do.
type failsafeMemo struct {
	Link     string `json:"link,omitempty"`
	Failsafe string `json:"failsafe,omitempty"`
	// Inode tells the directory from every other one there. The number of the device may be another one after
	// a boot.
	Inode uint64 `json:"inode,omitempty"`
}

type failsafeOutputs struct {
	Path    value.Path `name:"path" help:"the failsafe"`
	Adopted bool       `name:"adopted" help:"whether this step made it"`
}

type failsafe struct{}

func (failsafe) Plan(_ context.Context, machine step.Machine, arguments failsafeArguments) (step.Plan, error) {
	memo, path, err := adoptable(machine, arguments)
	switch {
	case err != nil:
		return step.Plan{}, err
	case memo.Link == "":
		return step.Plan{Do: []string{fmt.Sprintf("keep %s as it is", path)}, Nothing: true}, nil
	}
	return step.Plan{
		Do:   []string{fmt.Sprintf("rename %s to %s, and link %s -> %s", memo.Link, memo.Failsafe, memo.Link, failsafeName)},
		Undo: []string{fmt.Sprintf("remove the link, and rename %s to %s", memo.Failsafe, memo.Link)},
	}, nil
}

func (failsafe) Prepare(_ context.Context, run *step.Run, arguments failsafeArguments) (failsafeMemo, error) {
	memo, _, err := adoptable(run.Machine, arguments)
	if err != nil || memo.Link == "" {
		return memo, err
	}
	at, err := memo.open(run)
	if err != nil {
		return memo, err
	}
	defer at.Close()
	if how, err := at.state(); err != nil || how != unbegun {
		return memo, errors.Join(err, memo.changed())
	}
	return memo, nil
}

// Leases is the adopted directory: undo gives it its old name.
func (failsafe) Leases(_ failsafeArguments, memo failsafeMemo) []string {
	if memo.Link == "" {
		return nil
	}
	return []string{memo.Failsafe}
}

// adoptable looks whether there is a directory to adopt. The memo is empty where the machine has its
// failsafe.
func adoptable(machine step.Machine, arguments failsafeArguments) (memo failsafeMemo, path string, err error) {
	link, err := linkIn(arguments.Dir, arguments.Link)
	if err != nil {
		return failsafeMemo{}, "", err
	}
	path = filepath.Join(filepath.Dir(link), failsafeName)
	now, err := lookAt(machine, link)
	if err != nil {
		return failsafeMemo{}, "", err
	}
	golden, err := lookAt(machine, path)
	if err != nil {
		return failsafeMemo{}, "", err
	}
	isLink := now != nil && now.Mode()&fs.ModeSymlink != 0
	switch {
	case now == nil && golden == nil:
		return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-nothing-there", "there is no directory %s to adopt", link).
			WithHint("dir and link tell where the installation is now: ls -l %s", filepath.Dir(link))
	case now == nil:
		return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-not-enabled", "there is a %s, but %s does not lead to it", path, link).
			WithHint("ln -s %s %s", failsafeName, link)
	case isLink && golden != nil:
		if _, err := machine.Stat(path); err != nil {
			return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-dangling", "%s leads nowhere", path).
				WithHint("point it at a release that is known to work").WithCause(err)
		}
		return failsafeMemo{}, path, nil
	case isLink:
		return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-already-a-link", "%s is a link already, and there is no %s", link, path).
			WithHint("to make a release the one to fall back to: ln -s NAME %s", path)
	case !now.IsDir():
		return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-not-a-directory", "%s is %s, not a directory", link, kindOf(now)).
			WithHint("move it away: ls -l %s", link)
	case golden != nil:
		return failsafeMemo{}, "", fault.New(fault.Refused, "failsafe-taken", "%s is a directory, and there is a %s already", link, path).
			WithHint("decide which of the two is to be fallen back to, and move the other one away")
	}
	return adopt(machine, link, path, now)
}

// adopt makes the memo for a directory that can be renamed.
func adopt(machine step.Machine, link, path string, now fs.FileInfo) (failsafeMemo, string, error) {
	above, err := machine.Stat(filepath.Dir(link))
	if err != nil {
		return failsafeMemo{}, "", err
	}
	status, ok := now.Sys().(*syscall.Stat_t)
	parent, also := above.Sys().(*syscall.Stat_t)
	if !ok || !also {
		return failsafeMemo{}, "", fault.New(fault.Errored, "failsafe-unknown", "the machine does not tell the inode of %s", link)
	}
	if status.Dev != parent.Dev {
		return failsafeMemo{}, "", mounted(link)
	}
	return failsafeMemo{Link: link, Failsafe: path, Inode: status.Ino}, path, nil
}

// linkIn gives the path of the link to the running release.
func linkIn(dir value.Path, name string) (string, error) {
	if name == "" || name == "." || name == ".." || name == failsafeName || strings.Contains(name, "/") {
		return "", fault.New(fault.Refused, "link-name", "link is a name in %s, and %q cannot be it", dir, name).
			WithHint("write the name alone: current")
	}
	path, err := absolute(dir)
	return filepath.Join(path, name), err
}

func mounted(link string) *fault.Fault {
	return fault.New(fault.Refused, "failsafe-mounted", "%s is a mount point, which cannot be renamed", link).
		WithHint("mount the file system on %s, and make %s a link to it", filepath.Join(filepath.Dir(link), failsafeName), link)
}
