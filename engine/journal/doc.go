// Package journal is the durable record of one run: what recovery knows, it knows from here.
//
// It is a leaf: it imports engine/fault and engine/regular, and nothing else of ours. It knows nothing of
// what the records mean, but for the first. Secrets never get here; that is the duty of those who append.
//
// # Formats 1 and 2
//
// Both look the same. A journal of format 2 has, with each frame, the version of its undo data and the
// digests of its files; a gwe that knows format 1 alone would neither look at these nor know newer undo data,
// so it must refuse such a journal.
//
// A journal is one file of lines. Each line is a JSON object, ends with "\n", and has these members in this
// order, without blanks between them:
//
//	{"number":2,"time":"2026-03-01T12:00:00.123456789Z","kind":"intent","data":{...},"synced":1,"previous":"<hex>","sha256":"<hex>"}
//
// What they mean:
//
//   - number counts from 1, without a gap.
//   - time is RFC 3339 in UTC. It is for people: order is by number, and clocks jump.
//   - kind is a word; data is any JSON value.
//   - synced is the number of the last record that was known to be durable when this one was written; 0 in
//     record 1.
//   - previous is the sha256 of the record before, 64 zeros in record 1.
//   - sha256 is the SHA-256, in lower-case hex, of the line's bytes from its first "{" up to and without
//     `,"sha256":"`. It therefore covers previous too: each record seals all before it. What follows those
//     bytes is always 78 bytes long, the line's end included, so no JSON need be put into a canonical form to
//     check it: head -c -78 | sha256sum.
//
// Record 1 has the kind "journal" and the data {"format":2,"gwe":"1.2.3"}; the gwe that began the journal may
// be left out. A reader refuses a format above its own by name: this record looks the same in all formats.
// What kinds of records there are belongs to the format too. A journal is written to its end in the format in
// which it began, whoever continues it, so that the gwe that began a run can always finish it. A line has
// at most MaximumRecord bytes.
//
// # What counts
//
// The longest valid prefix counts; a line without its "\n" is torn, even if all else is there. What is after
// the prefix is either what a power cut leaves of records that nobody was told were durable (a torn line,
// NULs, and, because a disk writes in whatever order it likes, whole records after a lost one): Read passes
// over it, and Open puts NULs there. (It is not cut off before Close: truncating a file gives the space
// after it back, and on a full disk that space is what unwinding needs.) Or it holds a valid record that was
// written when the first missing one was durable already, or one that cannot stand there. Or its first line
// is complete, without a gap of zeros, and yet invalid: a torn line has zeros, or the end of the file, where
// something is missing. (Text that does not look like a record is passed over, as a torn line is.) Then what
// had been safe is gone or changed: that is the fault journal-damaged, which names the record and the byte,
// and nothing is touched.
//
// This holds for the last record too, on a file system that shows zeros or the file's end where data did not
// reach the disk, as ext4, XFS, Btrfs, F2FS and overlayfs on these do. If a power cut leaves other bytes
// there (FAT, or a worn flash without a checksum), gwe takes that for damage.
//
// # Durability
//
// Append returns after fdatasync. Note only keeps the order: its record becomes durable with the next Append,
// or on Close.
//
// A write that found no space leaves a torn line. It is overwritten with zeros, durably, before the next
// record goes over it, so that the chain stays whole, a later, possibly shorter, record may go in, and no
// torn line is ever a mixture of two. After any other failed write, and after a failed sync, the journal
// refuses all further records with the same error: a sync is never tried again, for the kernel may have
// dropped what it could not write.
//
// The way back needs its records all the same. Keep makes a record that failed a part of the journal, in
// memory. Mend writes all lines again that are not known to be durable, at the place where they belong, and
// syncs: what the kernel has dropped it gets anew, so that this sync means something. Then the journal takes
// records as before.
//
// A journal that is not at its path any more takes no record either, and cannot be mended: nobody would ever
// read it.
//
// A record that failed and was not kept never was, but it may be in the file, whole. No other may come into
// its place before it is durably gone: else a power cut could leave that record, and after it one that
// follows its successor. So Mend puts NULs there first, and syncs these. Kept lines are written again byte by
// byte as they were, so at no moment there is less of them in the file than before. Close mends what was
// kept; where nobody said what becomes of a record that failed, it leaves the file to the next reader.
//
// # Space for unwinding
//
// A full disk must not keep a run from being undone. So Create reserves space after the end of the file
// (fallocate with FALLOC_FL_KEEP_SIZE), and every record on the way forward first makes sure that the whole
// reserve stays free after it; if that cannot be, the record fails with journal-full before a byte of it is
// written. UseReserve ends this: from then on records go into the reserve. On a file system without fallocate
// a ballast file beside the journal, named Ballast, takes the space, and UseReserve removes it.
//
// Close leaves the reserve, so it outlives a suspension, a reboot and a recovery that could not do all:
// whatever fills the disk meanwhile, the next process finds it. Release gives it back when the run has ended.
package journal
