// Command gwe updates a Linux machine by a recipe, or rolls it back.
//
// The command line itself is the package command: a vendor's own gwe, with step types of its own, is a main
// like this one with a longer catalog.
package main
