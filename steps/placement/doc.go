// Package placement puts something new at a path and takes it away again: the part of a step type that most
// of them share.
//
// What is new is made beside its place under a hidden name. Put notes its identity in the directory of the
// run, keeps what was there under another hidden name (the old inode itself, so that an undo restores
// content, times, owner, links and all), makes both durable, and renames. Undo knows what it placed by that
// identity, and leaves alone what anybody else put there since; its states are the table in undo.go. All of
// it acts in the directory that the step noted in Prepare, by its descriptor, and survives a kill at any call
// and a cut of the power.
//
// A step type embeds Placement in its memo and Action in itself, and has then only to look, to make what is
// new, and to say what it does.
//
// It may import engine/step, engine/made, steps/order, steps/duplicate and the leaves.
package placement
