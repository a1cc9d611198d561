// Package signature holds the step type verify: it decides whether a package's signature is one to trust.
//
// It imports the contract of step types, the leaves, and bundle, which knows the format. It promises to
// change nothing, and to accept exactly what unpack accepts: both ask bundle.
package signature
