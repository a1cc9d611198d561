// Package rule is the catalog of the rules that validation goes by: for each one what it wants, why, an
// example that breaks it, and the same example cured. `gwe explain` shows it, and SARIF carries it.
//
// It is a leaf: it imports nothing of ours. A rule, once released, keeps its id and its meaning: CI filters
// by it. The engine's tests go through the source: each id that a diagnostic carries is here, each example
// breaks its rule, and each cure is valid.
package rule
