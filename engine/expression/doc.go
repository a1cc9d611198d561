// Package expression is the language inside ${{ }} and behind when, until and retry.when: expr-lang's syntax,
// with sprig's functions added. It parses, type-checks and evaluates.
//
// It imports engine/value and engine/fault of ours, expr-lang's parser, and sprig. expr's own checker and
// virtual machine are not used: the checker knows neither types of ours, nor absent values, nor secrets, and
// the machine bounds neither time nor the growth of text. So a tree of expr's parser becomes, in one walk, a
// typed term that can evaluate itself.
//
// It promises:
//
//   - What compiles without a Problem has the wanted type. It can still fail at run time, but only over what
//     nobody knew before: a text that is not a number, an index past a list's end.
//   - A value that may be absent is used only behind ??, in a comparison with nil, or where a guard has
//     proved it.
//   - A secret is opened only where the scope or the wanted type allows it, and no message shows one.
//   - The same values give the same result: maps are walked in key order; clock, chance, network and
//     environment are out of reach.
//   - Time and memory are bounded, whatever the expression.
package expression
