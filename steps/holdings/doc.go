// Package holdings records what a release holds: for each file its identity and the digest of its content, as
// they were when it was installed. A later installation tells by it, without reading a file, that the file is
// what it was.
//
// The record lies with the record of the order of the releases (steps/order), one file for each release. It
// is sorted by path, read as a stream, and ends with a digest of itself. A record that was cut short or
// damaged, or that another user may write, counts as absent. Only digests that this machine computed itself
// are recorded.
//
// A file is known by device, inode, size, modification time and change time. Each change of content or of
// attributes sets the change time. So does another link to the file, or the removal of one: then the record
// no longer fits, and a digest has to decide. A Watch renews the record where gwe itself removes releases.
//
// It may import steps/order, bundle/index and engine/openat.
package holdings
