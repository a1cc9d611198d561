// Package trial runs the tests of recipes: real steps, by a real gwe, on a scratch machine that is thrown
// away.
//
// A test has three processes, all of this program. The first one (Start, in machine.go) makes the machine and
// is its init. The second (Work, in work.go) builds the fixture, looks at the tree, starts gwe and looks
// again. The third is gwe itself, as anybody starts it, but for the steps and the journal that it is handed:
// Disturbance, in disturb.go, makes a step fail or kills the process there, and the product has no such
// switch. What they find goes back as a Report, and judge.go compares it with what the file of tests expects.
//
// It may import schema, engine with its rooms, bundle, and its own room scratch. It promises that a test
// touches nothing of the real machine but the directory of --keep: see scratch.
package trial
