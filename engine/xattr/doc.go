// Package xattr reads and writes extended attributes, access control lists among them, by descriptor: see
// xattr(7) and acl(5).
//
// Errors are those of the system, as errno. It may import nothing of ours.
package xattr
