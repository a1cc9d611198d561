// Package server is the arguments by which step types reach servers, and what they make of them: the same
// names, defaults and meanings in each step type.
//
// It imports engine/value, bundle/fetch and bundle/cache.
package server
