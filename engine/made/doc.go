// Package made holds what step types share about the entries that they make: it records them, one by one, and
// its removals after the commit take away those and no others.
//
// It may import engine/step, engine/durable, engine/openat, engine/regular and engine/fault.
//
// A step type calls Record, or a Writer, when what it makes is complete under a hidden name, and before it
// gets its place; Settle in its Verify, just before the commit; and in its Undo Discard where the directory
// may not stay, Sweep where it may. Before the commit both remove all that is there. After the commit
// (step.Run.AfterCommit):
//
//   - An entry goes only if it was recorded and is unchanged since: kind, content, mode and owner. A
//     directory goes only if it was recorded and is empty by then. Nothing that was not recorded is opened or
//     entered.
//   - Discard renames what is left to a directory beside the place, .NAME.kept-RUN, and names it in the log
//     and by Run.Kept. Sweep leaves it where it is.
//   - Both may run twice, in another process, after a power cut between any two calls.
//   - Without a list, or with a damaged one, everything counts as what came later.
//
// A file is known by its inode, size and modification time. Where these differ, or its change time is not
// that of the commit, a digest of its content decides, if the step type recorded one by Sums. On file systems
// whose inode numbers do not stay (overlayfs, vfat) the number is not compared. Device numbers and the clock
// are never read.
//
// NoteAndRecord also notes which entry takes a place, and keeps a short list in that note.
//
// The list is a file in the frame's directory, written and read as a stream; memory is bounded by the depth
// of the tree. Sums and Keeps need 12 and 8 bytes for each entry.
package made
