// Package kept recovers runs that earlier versions of gwe left: one disk for each step type and version of
// its undo data.
//
// Such a disk holds three runs of a recipe with one step: one was killed in the middle of the step, one after
// it and before the commit, and one has committed. Each has its tree, its state directory and its directory
// of locks. The test mounts a copy of the disk where the runs worked, and today's gwe recovers or rolls back:
// the tree must be the old one. A step type that only reads has one run, killed before the commit.
//
// Runs of one recipe with many constructs are kept as "constructs", for each format of the journal: some were
// killed while they went forward, while they were rolled back and in a manual rollback, one has committed,
// and one waits for a confirmation.
//
// What is kept is a disk and not a list of files, because gwe knows directories and files by their inodes and
// times of birth. No program can give a new file an old time of birth, so a journal that was copied to
// another disk would have to be changed to be recovered. A disk that is mounted again is what a device sees
// after a power cut. Only two things in it are invented: what journals tell of the machine that made the
// runs, and the boot. The inputs of the runs were removed after they ended.
//
// testdata/kept/TYPE.VERSION.txtar says in text what is on the disk and what must come of it;
// TYPE.VERSION.ext4.zst beside it is the disk. Both stay for as long as gwe is to recover such runs: they are
// never made again. A new step type, or a new version of undo data, gets its own:
//
//	go run ./scripts/kept/keep TYPE...       makes what is missing; as root, on amd64
//	go run ./scripts/kept/keep show TYPE...  prints the journals and trees on the disk
//
// It may import all of ours, and is imported by its own program only. It runs as root.
package kept
