// Package server is the arguments by which step types reach servers, and what they make of them: the same
// names, defaults and meanings in each step type.
//
// It imports engine/step, bundle/fetch, bundle/cache and leaves.
package server
