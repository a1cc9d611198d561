package fault

import (
	"errors"
	"syscall"
)

// Scarcity is a resource of which there was too little. An error of it says nothing of the work that met it:
// the same call may succeed as soon as there is more.
type Scarcity struct {
	// Lack says what there was too little of: "too few files may be open".
	Lack string
	// Cure is what gives more of it, as an imperative.
	Cure string
	// Storage is set where it is space on a file system, which other work may do without.
	Storage bool
}

// Scarce finds the resource that an error is about. It is the one place that tells an error of resources from
// a failure. What is too large for any machine (E2BIG, ENAMETOOLONG) is a failure.
func Scarce(err error) (Scarcity, bool) {
	for _, known := range []struct {
		number syscall.Errno
		Scarcity
	}{
		{syscall.EMFILE, Scarcity{"too few files may be open", "raise the limit: ulimit -n 1024, or LimitNOFILE= in the unit", false}},
		{syscall.ENFILE, Scarcity{"too many files are open on the machine", "end what has them open (lsof shows it), or raise fs.file-max", false}},
		{syscall.ENOMEM, Scarcity{"there is too little memory", "end what takes the memory, or raise the limit: ulimit -v, or MemoryMax= in the unit", false}},
		{syscall.ENOBUFS, Scarcity{"there is too little memory", "end what takes the memory", false}},
		{syscall.ENOLCK, Scarcity{"too many files are locked", "end what holds so many locks", false}},
		{syscall.EAGAIN, Scarcity{"too few processes may run", "end what has too many, or raise the limit: ulimit -u, or TasksMax= in the unit", false}},
		{syscall.ETXTBSY, Scarcity{"the program is being written", "let whatever writes it finish", false}},
		{syscall.ENOSPC, Scarcity{"the disk is full", "free some space on that file system", true}},
		{syscall.EDQUOT, Scarcity{"the quota is used up", "free some of this user's files there, or raise the quota", true}},
		{syscall.EFBIG, Scarcity{"files may not be so large", "raise the limit on the size of files: ulimit -f unlimited, or LimitFSIZE= in the unit", true}},
	} {
		if errors.Is(err, known.number) {
			return known.Scarcity, true
		}
	}
	return Scarcity{}, false
}
