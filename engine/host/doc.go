// Package host reads the facts of the machine that every recipe finds under the name host.
//
// It is a leaf: it imports engine/value, engine/process and engine/regular, and nothing else of ours. It only
// reads, runs no program, and a fact that the machine does not tell is absent: nothing is guessed and nothing
// fails.
package host
