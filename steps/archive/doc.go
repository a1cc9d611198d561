// Package archive holds the step types unpack, which unpacks a signed package beside the running release, and
// extract, which makes a new directory of any tar or zip. Both are a job (job*.go): an archive becomes a
// staging directory, that is synced and gets its name, and undo takes it away again. Both stand on one
// extraction (extraction.go), which is handed entries, of a tar or of a zip, and knows all limits and
// refusals.
//
// It imports the contract of step types, the leaves, and bundle, which opens and verifies packages.
//
// What it promises:
//
//   - Nothing is parsed as an archive before its signature was found good, or a step above has vouched for
//     exactly these bytes, or the recipe has said that nobody does; and nothing has its final name before
//     every byte of it is on the disk. What a package's signed index names by its digest counts as signed.
//   - A package gives the same tree by its index as when it is read whole. A file of the running release is
//     linked only if its content, as it is now, is that of the entry (file_indexed.go).
//   - Every tar that is extracted is the same tree for GNU tar and bsdtar (tar_form.go); what they read in
//     different ways is refused.
//   - An entry lands in the new directory or is refused. Every directory on the way is opened by its own name from
//     the directory above it, symbolic links are never followed, and nothing that is there already is ever
//     opened for writing.
//   - What GNU tar restores with --same-permissions, --numeric-owner and --xattrs is restored here: content,
//     kind, mode with its setuid, setgid and sticky bits, modification time to the nanosecond where the
//     archive has it, the target of a symbolic link, hard links within the archive, the holes of sparse
//     files, the extended attributes of users, and, for root, numeric owners and the attributes of the
//     system: capabilities, IMA signatures. Access control lists are left out with a warning, labels of a
//     security policy without.
//   - Memory is bounded whatever the size of the archive and the number of its entries.
package archive
