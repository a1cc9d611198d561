// Package value holds the types of the values that a recipe speaks of (string, int, duration, list<path>,
// ...) and their Go forms: parsing, conversion, comparison, JSON, and the binding of Go structs to them.
//
// It is a leaf: it imports engine/fault and nothing else of ours. Every cast between a recipe's dynamic
// values and a step type's typed structs happens here, once.
//
// It promises:
//
//   - Nothing is guessed. "12abc" is not an int, 90 is not a duration, 1.10 is not a version: each is refused
//     with an example of what is right.
//   - A canonical value (see Type) that went through ToJSON and FromJSON is the same value, bytes that are
//     not UTF-8 included; secrets are the exception, and are never written.
//   - A Secret shows as *** however it is printed, logged or marshalled; only Reveal opens it.
package value
