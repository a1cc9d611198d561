// Package transfer holds the step type rsync: a directory's contents become those of another.
//
// It imports the engine's contracts and leaves. Between local directories it does the work itself; the rsync
// program is run only to or from another machine.
//
// # How the target is safe
//
//  1. A survey walks both trees, a directory at a time. New and changed entries are staged in a hidden directory on
//     the target's file system, complete with attributes, and each change is written to a manifest in
//     Run.Directory. The target is not touched.
//  2. One syncfs makes the staged entries durable; then the manifest is sealed, durable too.
//  3. The changes are renames: a new entry to its path (add), an exchange with the old one (swap), an old one
//     into the hidden directory (remove). Directories that stay get their attributes last (dress). One syncfs ends
//     it.
//
// No change lies at or below the path of another one, and each rename is atomic. So whichever of them a power
// cut lets happen, in whatever order, Undo can tell each one's state by the inode in the hidden directory,
// and put it back. Without a sealed manifest there is nothing to restore. Undo syncs before it forgets the
// manifest, and forgets that before it removes the hidden directory.
//
// Memory is bounded by the largest directory and by two numbers for each file that has several links;
// everything else is on the disk.
package transfer
