// Package order keeps the order in which releases were installed, and which of them were left as bad, in the
// directory that holds them: no clock and no age of an inode decides which release is older.
//
// Each installation adds one small file to the directory .gwe-releases beside the releases, under a name that
// only its step uses. A file holds lines of text:
//
//	7 found "firmware-0"
//	7 installed "firmware-2"
//	8 left "firmware-2"
//	9 chosen "firmware-2"
//
// The number grows with each file. Releases count by their last "installed"; one without any was there by the
// first "found" that names it, and one that no line names came after all the others. Releases of equal rank
// are told apart by the old rule, the time at which their directories were made. A "left" marks a release as
// bad, and an "installed" or a "chosen" after it unmarks it.
//
// An undo removes the file of its own step and no other, so it may come in any order and any number of times.
// A file that cannot be read or understood counts as absent, and is named.
//
// It may import engine/step, engine/openat, engine/durable and engine/fault.
package order
