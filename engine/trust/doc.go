// Package trust says whether a less trusted user could change what gwe is about to act on. It is the rule of
// docs/security.md, "Foreign state", in one place.
//
// A less trusted user is neither root nor the user gwe runs as. Such a user can change a path by owning it,
// or by its mode: by the bits of others, or by those of a group that is neither root's nor the primary group
// of the user gwe runs as. Where there is a POSIX ACL, the bits of the group are its mask, and count
// whichever group it is. The same holds for each directory on the path, with symbolic links followed, but one
// with the sticky bit, as /tmp: there an entry can be replaced by its owner alone, so its owner is what
// counts.
//
// It is a leaf: it imports nothing of ours.
package trust
