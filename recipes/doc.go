// Package recipes holds the recipes that gwe ships, embedded in the binary. Each one is run by a test.
package recipes
