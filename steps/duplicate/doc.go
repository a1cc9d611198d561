// Package duplicate copies a file, a link or a tree with all that an undo or a user of the copy can tell it
// by: content, holes, modes, owners, times, extended attributes, and the hard links within it.
//
// It may import engine/step, engine/made, engine/tasklog and the leaves. Every name is taken relative to an
// open directory and no link is followed, so nothing is read or written elsewhere even where the source
// changes while it is copied; what is made is not durable yet.
package duplicate
