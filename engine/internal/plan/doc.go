// Package plan says what a run would do, and why it would be refused, without doing anything. It takes no
// lock and writes nothing. It runs no program, except to read facts where it is told to.
//
// Known is what is known of a run before its first step. forecast.go and composed.go make the rows of it, and
// fulfil program.Planner: what expressions can read is evaluated, step types are asked for their plans, and
// what only the run will know is shown as its source. The refusals, the space that is needed on each file
// system and the warnings follow from the rows.
//
// It may import program, runstate, step and leaves, and nothing of a run.
package plan
