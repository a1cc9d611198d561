// Package schema is the recipe document: YAML in, a typed Recipe with positions and a list of diagnostics
// out; and the JSON Schema that editors read.
//
// Parse checks all that can be known without typing an expression: the grammar, keys, ids, literals, the
// arguments of every step type, and the traps that YAML itself sets. It reports everything it finds, sorted
// by position, and each problem names file, line, column and the cure. The engine compiles the expressions
// afterwards and adds diagnostics of its own, at positions that Scalar.Locate finds.
//
// It may import engine/step, engine/expression and the leaves. It promises never to panic, whatever the
// bytes, and to stay within bounds: a file of at most 1 MiB, 100 levels and 10,000 steps.
package schema
