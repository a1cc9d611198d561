// Command gwe updates a Linux machine by a recipe, or puts it back.
//
// main.go is the command line itself; every command is one file. A command turns flags into calls of engine, schema and
// bundle, and their results into text and an exit code; it decides nothing else.
package main
