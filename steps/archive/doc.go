// Package archive holds the step type that unpacks a signed package beside the running release, and the extraction of tar
// streams that it stands on.
//
// It imports the contract of step types, the leaves, and bundle, which opens and verifies packages.
//
// What it promises:
//
//   - Nothing is parsed as an archive before its signature was found good, and nothing has its final name before every
//     byte of it is on the disk.
//   - An entry lands in the release or is refused. Every folder on the way is opened by its own name from the folder
//     above it, symbolic links are never followed, and nothing that is there already is ever opened for writing.
//   - What GNU tar restores with --same-permissions and --numeric-owner is restored here: content, kind, mode with its
//     setuid, setgid and sticky bits, modification time to the nanosecond where the archive has it, the target of a
//     symbolic link, hard links within the archive, the holes of sparse files, and, for root, numeric owners. Extended
//     attributes, ACLs and file capabilities are left out, as tar leaves them out.
//   - Memory is bounded whatever the size of the archive and the number of its entries.
package archive
