// Package reference describes a step type for people: as `gwe steps TYPE` prints it, and as a page of
// docs/steps. Both are made of the type itself, so they cannot disagree with what it accepts. Which errors a
// built-in type can give is known from package errorcodes.
//
// It may import engine/step, engine/value and errorcodes.
package reference
