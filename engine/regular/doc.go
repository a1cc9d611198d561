// Package regular opens files for reading so that nothing that stands in their place keeps gwe waiting:
// neither a FIFO, a socket, a device or a directory, nor a file without end, nor a file system that does not
// answer.
//
// gwe's own files, in its state directory and beside what it changes, are opened by Open and Read: they
// follow no link. Foreign files are all others, whoever wrote them: OpenForeign and ReadForeign follow links,
// look after the opening at what was opened, read no more than a limit, and give every call a time. Await is
// the one place where gwe waits for a call that may never return.
//
// A test of this package keeps other ways of opening files out of the source; it lists the exceptions, each
// with its reason.
//
// It is a leaf: it imports engine/fault and nothing else of ours.
package regular
