// Package output holds the JSON Schemas of what gwe prints with --output json: the promise to programs that
// read it. Its test makes them of the Go types and their comments, so a field without a comment, or one that
// the schema does not have, fails a test.
//
// It imports nothing of ours. docs/json.md is the page about it.
package output
