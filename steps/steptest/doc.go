// Package steptest runs the conformance suite on a step type, as a Go test.
//
// A test arranges a small tree and names the arguments; Run then does to the type all that package
// conformance tells, and fails the test where a promise is broken.
//
// It imports conformance, the engine's contracts and the leaves, and is imported by tests only. A package
// that uses it has a TestMain that calls Main. Tests that call Run are not parallel: Run watches the
// processes that the test starts.
package steptest
