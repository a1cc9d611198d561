// Package command holds the step types that run a program: hook, a script of a release, and run, any program
// or a few lines of shell.
//
// It imports the engine's contracts and leaves. It promises that no value of a recipe is ever looked at by a
// shell: values are arguments, variables or standard input, as they are.
package command
