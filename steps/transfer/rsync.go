package transfer

import (
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
)

// Rsync is the step type rsync.
func Rsync() step.Type {
	return step.New(step.About{
		Name:     "rsync",
		Summary:  "Make a directory's contents those of another, here or by rsync from another machine",
		Doc:      rsyncDoc,
		Example:  "rsync:\n  source: /mnt/usb/firmware\n  target: /opt/firmware/firmware-2\n  link-dest: [/opt/firmware/current]\n  delete: true\n  exclude: [\"*.log\", /cache/]\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "target"}},
		Undo:     "puts the target back as it was, entry by entry, or removes it where there was none; a target on another machine stays as it is",
		UndoData: 2, // its notes have their digests in them

		MakesDirectory: true,
	}, rsync{})
}

const rsyncDoc = `The contents of source go into target, whether or not source ends in a slash. All is kept as by rsync -aHAXS: modes, owners, times to
the nanosecond, symbolic and hard links, devices, extended attributes, access lists and holes. Other than root keeps no owners, and
of the extended attributes those of users. An entry is left alone where kind, size, time and attributes are the same; with checksum
every byte is compared. Whatever differs is made anew and takes the old one's place in one go: no file is ever written in place, and
other hard links of the old one keep what they have. What the target alone has stays, unless delete is given.

include and exclude hold patterns as rsync's own: a / at the beginning ties a pattern to the top of the tree, one at the end means directories
only; * and ? match no slash, ** does, dir/*** is a directory and all in it. The includes are looked at first, then the excludes; the first
that matches counts, and nothing below an excluded directory is looked at. What is excluded is neither copied nor deleted.
Always excluded, and named in the log, are names that gwe itself gave: those that start with .gwe- and hold the id of a run, and
.gwe-releases.

A file that the target lacks becomes a hard link to an equal one in the first directory of link-dest that has one. If such a file is written
to in place before the commit, the run fails, for both trees have changed then.

A source such as user@host:path, host::module/path or rsync://host/module/path is fetched by the rsync program into a hidden directory
beside the target, unchanged files as links, and then handled like a local one. A target on another machine is filled by the rsync
program; that cannot be undone. The program needs to be 3.4.3 or newer, for older ones have known holes, unless allow-old-rsync is
given. ssh asks for nothing: keys and known hosts must be in place, in the files of the user under which gwe runs or in those that
ssh-config names. A host whose key is not known is refused.

Nothing in the target is touched before all that is new lies beside it, on the disk. Then names are exchanged, one rename each, and what
was replaced or deleted stays in the hidden directory until the next commit, so that undo gives exactly the old tree, after a power
cut too. Both need room on the target's file system at once. What something else than the run's own programs has put in the place of a new
entry since is left alone, and the undo fails; what programs of the run put there goes, and the log names it.

After the commit the undo (gwe rollback) deletes nothing of others. What came into a new directory since or was changed in it stays there,
if the target was there before the step. What stands in the place of something that must come back, and all that came into a new
target, moves to .NAME.kept-RUN beside the target.

A source with nothing in it is refused, unless empty is ok: a stick that is not mounted looks like that. mounted names mount
points, and the step is refused where one of them is not mounted.

Refused are also a source and a target that lie in each other, a file system mounted within the target, and a directory in the way of something
else while there is something in it that may not be deleted.`

type rsync struct{}

// arguments are what a recipe gives.
type arguments struct {
	Source     string       `name:"source" required:"true" help:"the directory whose contents are copied: a path from the root, or user@host:path, host::module/path, rsync://host/module/path"`
	Target     string       `name:"target" required:"true" help:"the directory that gets them, made where it is missing; the directory it lies in must exist"`
	LinkDest   []value.Path `name:"link-dest" help:"directories whose equal files are linked and not copied; one that does not exist is passed over"`
	Delete     bool         `name:"delete" help:"what the source does not have is deleted from the target, except what is excluded"`
	Include    []string     `name:"include" help:"patterns of names that are copied although a pattern of exclude matches them"`
	Exclude    []string     `name:"exclude" help:"patterns of names that are neither copied nor deleted"`
	Checksum   bool         `name:"checksum" help:"files are compared byte by byte, not by size and time"`
	NumericIDs bool         `name:"numeric-ids" help:"owners from and to another machine are kept by number, not by name; between local directories it makes no difference"`
	Empty      string       `name:"empty" enum:"refused,ok" default:"refused" help:"whether the source may be empty: where nothing is mounted, it is"`
	Mounted    []value.Path `name:"mounted" help:"mount points that must be mounted, of the source or of the target, or the step is refused; an empty path asks for nothing"`
	Password   value.Secret `name:"password" help:"the password for an rsync daemon"`
	SSHConfig  value.Path   `name:"ssh-config" help:"an ssh_config(5) file in place of the user's and the system's: port, key, known hosts"`
	AllowOld   bool         `name:"allow-old-rsync" help:"an rsync program older than 3.4.3 is used in spite of its known holes"`
}

// memo is what undo needs.
type memo struct {
	// Target is the directory without symbolic links; "" is one on another machine.
	Target string `json:"target,omitempty"`
	// Existed tells that it was there.
	Existed bool `json:"existed,omitempty"`
	// Dangling holds the text of each link of link-dest that leads nowhere.
	Dangling map[string]string `json:"dangling,omitempty"`
	// Hidden is the directory in which new entries are made and old ones kept; it need not exist.
	Hidden string `json:"hidden,omitempty"`
	// Order records the place of the target among the releases that it lies beside, where it does.
	Order order.Record `json:"order,omitzero"`
}

// outputs are what later steps may read.
type outputs struct {
	Path    value.Path `name:"path" help:"the target as given"`
	Changed bool       `name:"changed" help:"whether anything was not as wanted already"`
	Copied  int        `name:"copied" help:"how many files and links were new or changed and were copied"`
	Linked  int        `name:"linked" help:"how many became links to files of link-dest"`
	Deleted int        `name:"deleted" help:"how many entries were deleted"`
	Bytes   value.Size `name:"bytes" help:"the sum of the copied files' sizes"`
}

// minimum is the oldest rsync program without known holes (CVE-2026-29518, CVE-2026-43618, CVE-2026-43619).
var minimum = [3]int{3, 4, 3}
