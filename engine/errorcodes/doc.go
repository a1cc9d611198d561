// Package errorcodes lists the stable codes of every error that gwe can end with: what is said, and what to
// do. `gwe explain CODE` shows one, `gwe steps TYPE` and docs/steps those that a step type can give.
//
// The list, codes.json, is made of the source itself: the test of this package follows every call of
// fault.New through the program, and fails where the list says otherwise (go test ./engine/errorcodes -update
// writes it anew). It imports nothing of ours.
package errorcodes
