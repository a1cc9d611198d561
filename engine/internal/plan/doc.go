// Package plan says what a run would do, and why it would be refused, without doing anything: it takes no lock, writes nothing, and runs no
// program unless it is told to read facts so.
//
// Known is what is known of a run before its first step. Its rows come from forecast.go and composed.go, which fulfil program.Planner: what
// expressions can read is evaluated, step types are asked for their plans, and what only the run will know is shown as its source. Of the rows
// follow the refusals, the space that is needed on each file system, and the warnings.
//
// It may import program, runstate, step and leaves, and nothing of a run.
package plan
