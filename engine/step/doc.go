// Package step is the contract that a step type fulfils: typed arguments, outputs and memo, declared effects,
// and the four parts plan, prepare, do and undo.
//
// It imports the leaves only (value, fault, tasklog, regular, durable, host, openat) and knows neither the
// engine nor any step type. A step type is written as a Go struct that implements Action, and becomes a Type
// by New; the casts between a recipe's dynamic values and the typed structs happen in New, once.
//
// The promises between the engine and a step type:
//
//   - Plan only reads, by the Machine it is handed.
//   - Prepare captures the memo: all that Undo will need, names that Do will create included. It changes
//     nothing outside Run.Directory. The engine makes the memo durable before it calls Do.
//   - Do acts. When it returns, the engine makes its effects durable (Syncer, Durable, or one syncfs of
//     each file system in the declared effects) and only then journals the outputs.
//   - Undo puts things back from arguments and memo alone. It may find that nothing was done, that half was
//     done, or that it was undone already, and must come to the same end. It never needs the recipe's inputs
//     (the package file, say). It may be called in another process than Do was, after a power cut.
//   - After the commit (Run.AfterCommit) Undo deletes nothing that the run did not make, and nothing that was
//     changed since.
package step
