// Package command is the command line of gwe: line.go parses it, and every command is one file. A command
// turns flags into calls of engine, schema and bundle, and their results into text and an exit code; it
// decides nothing else.
//
// It names no step type. cmd/gwe hands it gwe's own catalog, and a vendor's main one with more in it.
package command
