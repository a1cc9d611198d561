// Package recipetest tries a recipe as a machine would see it: it is run, it fails, and it is killed at every record of its
// journal, before and behind, and recovered.
//
// It imports the engine, and is imported by tests only.
package recipetest
