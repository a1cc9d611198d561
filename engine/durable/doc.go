// Package durable changes files so that a power cut leaves either the old or the new, and holds locks that
// the death of their holder frees.
//
// It is a leaf: it imports engine/fault, engine/openat and engine/regular, and nothing else of ours.
//
// What it promises:
//
//   - WriteFile and Rename have happened for good when they return: file and directory are synced. A power cut
//     before that leaves the old state, and at most a temporary file whose name starts with Prefix.
//   - MoveNoReplaceAt, ClearAt and WriteNote sync nothing: they are for changes that are made durable
//     together.
//   - SyncFileSystems makes everything under some paths durable with one syncfs a file system. Never is a
//     file synced one by one: on slow flash that is the difference between seconds and minutes.
//   - A sync that failed is never tried again. The kernel may have dropped the pages it could not write, so a
//     second sync would report a success that never was. The error goes up, and the run unwinds. IsSync tells
//     of such an error.
//   - A Lock is a flock: it is freed by the death of its holder, however that came, and is never stale. Its
//     descriptor is close-on-exec, so a daemon that a hook leaves behind does not inherit the lock.
package durable

// Prefix starts the name of every temporary file and directory that gwe makes beside its target.
const Prefix = ".gwe-"

// Releases is the name of the directory beside releases that records the order in which they were installed.
// It stays.
const Releases = Prefix + "releases"
