// Package conformance is what every step type, ours or a vendor's, is held to. It does to a type what the
// engine, a crash and an impatient person do to it, and compares the tree before and after. It promises to
// catch a type
//
//   - whose description is incomplete: a summary that is not a line, an example that does not fit, an argument
//     without help;
//   - whose plan has an effect, be it on a time or by a program that it runs, or says "nothing" where Do does
//     something;
//   - whose prepare changes anything outside Run.Directory, or whose memo or outputs do not survive JSON;
//   - whose do changes what no declared effect names, does not stop when it is told to, does not say then
//     that it was interrupted, or leaves processes behind;
//   - whose do makes something with another mode under another umask of the caller;
//   - whose undo does not give the same tree again: after do, after no do, after a do that was stopped at any
//     moment at which it could notice, after an undo that was stopped, twice, after do, undo and do, and in
//     another process with the inputs gone;
//   - whose undo after the commit deletes what came into a directory that do has made, or does not keep it by
//     a release;
//   - whose release leaves a `.gwe-` name behind, or changes anything else.
//
// The same tree means: names, kinds, contents, modes, owners, extended attributes, link targets, which names
// are hard links of one file and how many, device numbers, and modification times to the nanosecond. One
// exception holds for all types alike: a directory in which Do makes, removes or replaces an entry need not
// get its own time back. (Nothing reads it, and no rename could be undone without a race if it had to be.)
// Every other directory must keep its time. Access and change times are not compared after an undo; a plan
// and a prepare must keep change times and inode numbers too.
//
// A type without an undo of its own (About.Undo is "") promises that Undo changes nothing.
//
// It imports the engine's contracts and the leaves. Package steptest runs it in Go tests, and `gwe steps
// check` on plugins. Checks are not run side by side: they watch the processes that this process starts.
package conformance
