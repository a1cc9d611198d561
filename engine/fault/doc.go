// Package fault holds the error value that every part of gwe returns: a stable code, what happened, why, and
// what to do next.
//
// It is a leaf: it imports nothing of ours. It promises that a code, once released, keeps its meaning, so
// that scripts and fleet servers may branch on it.
package fault
