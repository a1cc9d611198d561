//go:build amd64

// Randomrecipe breaks gwe on recipes that nobody has written: they are made at random, of all step types that
// work on files and releases, of hooks, two plugins, shipped recipes, and of all that a recipe is made of,
// over a random tree.
//
// A seed names a recipe, its tree, and its trials. What gwe validate refuses is counted and thrown away. The
// rest is run undisturbed: a recipe that fails before its commit must leave exactly the old tree; what
// another one leaves is the new tree. Then it is run again and again, each time disturbed in another way:
//
//	kill           SIGKILL at a random moment, of gwe or of its whole process group
//	kill-before, kill-after, EIO, EIO-on, ...    at a random system call, as scripts/crash does it: of the run, or of the gwe
//	               rollback, gwe forget, gwe confirm or gwe recover that comes after it
//	signal         SIGTERM or SIGINT at a random moment, once or twice, to gwe or to its group
//	cancel         gwe cancel at a random moment
//	stop           SIGSTOP at a random moment, to gwe or to its group; another gwe recovers meanwhile, and must be refused
//	stranger       another process writes meanwhile into directories that were there before
//	space, inodes  the file system takes so much more, and is full
//	read-only      the target's file system becomes read-only in the middle of the run
//	together       a kill, and then two recoveries at once
//	recovery       a kill, and then recoveries that are killed too
//	rollback       the run is good, and its rollback is killed
//
// Then gwe recovers, in one part or in the two of a boot, and the oracle judges: the tree is exactly old or
// exactly new, as the journal's commit says; each hook that ran was undone, in the right order; each program
// that took up the tree was told of its undoing; nothing is left but what gwe says that it keeps. Half of the
// runs that wait to be confirmed then are, and the others are cancelled. At last the run is rolled back, run
// once more, and forgotten. Where a stranger has written, only this is asked: gwe ends, does not lie, and
// loses nothing of the stranger's where it has rolled all back.
//
//	go run ./scripts/randomrecipe show SEED             prints the recipe and the tree
//	go run ./scripts/randomrecipe try SEED              all trials of a seed
//	go run ./scripts/randomrecipe try SEED/3            one of them; with 'EIO rename tree/a#1' in place of its own disturbance
//	go run ./scripts/randomrecipe campaign --seeds 500  one seed after the other; it stops, and continues
//
// It runs as root, for its file systems in memory, and on amd64 only.
package main
