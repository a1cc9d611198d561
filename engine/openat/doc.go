// Package openat opens directories without being led astray, and hands out descriptors on which all else is
// done.
//
// It is a leaf: it may import engine/fault and engine/xattr, and nothing else of ours.
//
// A path is resolved once. From then on a directory is its descriptor, whatever its name leads to by then:
// each method of Dir takes one name in that directory, and follows no link at it. So nothing that another
// user renames, links or mounts between two calls makes gwe act on what it did not look at.
//
// What it promises:
//
//   - Open follows a symbolic link only where nobody less trusted than gwe could have chosen where it leads
//     to, or where it leads to what that user owns anyway. Otherwise the error has the code unsafe-link. See
//     the rule at trust.go.
//   - A link of procfs that stands for an open file (/proc/PID/root, /proc/PID/fd/3) is never followed.
//   - What an Entry stands for is one inode: what it looked at is what it changes. Its calls block on no FIFO
//     and open no device.
//   - RemoveAll removes links and follows none, enters no mount, and needs one descriptor at a time, however
//     deep the tree is.
//   - A call that a signal interrupts is repeated.
//
// Errors are fs.PathError and os.LinkError with whole paths, as those of package os, so errors.Is(err,
// fs.ErrNotExist) works on them.
package openat
