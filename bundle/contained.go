package bundle

import "github.com/gwe-project/gwe/engine/fault"

// contained runs work that calls the OpenPGP library and turns a panic of it into an error: no key that a
// stranger wrote may take the process down.
func contained(work func() error) (err error) {
	defer fault.Contain(openPGP, &err)
	return work()
}
