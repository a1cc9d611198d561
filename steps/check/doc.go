// Package check holds the step types that only look: assert, checksum, disk-space and wait-for.
//
// It imports the engine's contracts and leaves. It promises to change nothing; what the command of a wait-for
// does is its author's.
package check
