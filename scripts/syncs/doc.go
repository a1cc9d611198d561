// Package syncs counts how often a step of each type asks the kernel to make something durable: fsync,
// fdatasync and syncfs as strace sees them, in a recipe with one such step and in one with two. The
// difference is what the step costs.
//
// Its tests also put each of these steps back on a disk that became full after it.
//
// It runs on Linux as root, and needs strace, and supervisord for the steps that talk to it.
package syncs

// Most is how many syncs a step that goes forward may cost, where what it touches and the state directory are
// on one file system.
const Most = 3
