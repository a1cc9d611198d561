// Package runstate is what is on disk of runs: the state directory, the directory and the journal of each
// run, what the records of a journal say, and what they say to an operator. It knows no recipe, so it reads
// runs whose recipe no gwe understands any more.
//
// Recorded is the one fold of a journal. A live run, a recovery, the list of runs, `gwe show` and the limit
// of boots read it; a journal that contradicts itself is refused there.
//
// It may import engine/step, whose types stand in records, and leaves; nothing of the recipe: no schema, no
// expression.
package runstate
