// Package randomtree makes random trees of all that a tree can hold, and compares trees entry by entry: names
// with newlines and invalid UTF-8, all modes, owners, times to the nanosecond, links of both kinds, devices,
// FIFOs, sockets, holes, extended attributes and access lists. Step types that copy trees are tried with them
// against the real cp and the real rsync.
//
// It imports engine/need alone, and is imported by tests only. Growing a tree needs root: it makes devices,
// gives entries to others, and takes all rights from some.
package randomtree
