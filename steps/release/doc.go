// Package release holds the step types that work with releases beside each other in one directory, with the
// link that names the running one, and with the trees in them: read-link, swap-link, prune, failsafe,
// find-fallback and link-tree.
//
// It imports the engine's contracts and leaves. It promises that the link names one release or the other at
// every moment, power cuts included; that a directory is never taken for a link; and that a release which
// something still needs is never removed, the failsafe least of all.
package release
