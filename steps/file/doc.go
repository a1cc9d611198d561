// Package file holds the step types that work on files and directories: write, template, copy, move, mkdir,
// symlink, chmod and remove.
//
// It may import engine/step, engine/expression, steps/placement, steps/duplicate and the leaves. What it
// replaces or removes is kept beside the place, under a name that starts with .gwe-, until the undo can no
// longer be asked for: the old inode itself, so that an undo restores content, times, owner, links and all.
// What is new is made under such a name too, and then renamed: that part of all types is steps/placement.
package file
