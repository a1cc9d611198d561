package trace

import "golang.org/x/sys/unix"

// where tells how a call's path is found.
type where int

const (
	inFile where = iota // the descriptor a names the file
	at                  // the path b below the directory a, a descriptor
	plain               // the path a
)

// call is one system call that changes something.
type call struct {
	// name is the same for all calls that do the same: renameat2 is a rename.
	name string
	// where, with the numbers of the arguments that it speaks of.
	where where
	a, b  int
	// flags is the argument to look at, and wanted the bits of which one must be set; wanted 0 takes every
	// call.
	flags  int
	wanted uint32
	// exactly are the values of the argument flags of which it must have one.
	exactly []uint32
}

const forWriting = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

// changers are the numbers of the machine's own table, unistd_64.h. Of two paths the new one gives the name.
var changers = map[int]call{
	unix.SYS_OPEN:    {name: "open", where: plain, a: 0, flags: 1, wanted: forWriting},
	unix.SYS_OPENAT:  {name: "open", where: at, a: 0, b: 1, flags: 2, wanted: forWriting},
	unix.SYS_OPENAT2: {name: "open", where: at, a: 0, b: 1}, // its flags lie in memory: all are taken
	unix.SYS_CREAT:   {name: "open", where: plain, a: 0},

	unix.SYS_WRITE:           {name: "write", where: inFile},
	unix.SYS_PWRITE64:        {name: "write", where: inFile},
	unix.SYS_WRITEV:          {name: "write", where: inFile},
	unix.SYS_PWRITEV:         {name: "write", where: inFile},
	unix.SYS_PWRITEV2:        {name: "write", where: inFile},
	unix.SYS_SENDFILE:        {name: "write", where: inFile},
	unix.SYS_SPLICE:          {name: "write", where: inFile, a: 2},
	unix.SYS_COPY_FILE_RANGE: {name: "copy_file_range", where: inFile, a: 2},
	unix.SYS_IOCTL: {name: "ioctl", where: inFile, flags: 1,
		exactly: []uint32{unix.FICLONE, unix.FICLONERANGE, unix.FS_IOC_SETFLAGS}},

	unix.SYS_FSYNC:           {name: "fsync", where: inFile},
	unix.SYS_FDATASYNC:       {name: "fdatasync", where: inFile},
	unix.SYS_SYNCFS:          {name: "syncfs", where: inFile},
	unix.SYS_SYNC_FILE_RANGE: {name: "sync_file_range", where: inFile},
	unix.SYS_FTRUNCATE:       {name: "truncate", where: inFile},
	unix.SYS_TRUNCATE:        {name: "truncate", where: plain},
	unix.SYS_FALLOCATE:       {name: "fallocate", where: inFile},

	unix.SYS_RENAME:    {name: "rename", where: plain, a: 1},
	unix.SYS_RENAMEAT:  {name: "rename", where: at, a: 2, b: 3},
	unix.SYS_RENAMEAT2: {name: "rename", where: at, a: 2, b: 3},
	unix.SYS_LINK:      {name: "link", where: plain, a: 1},
	unix.SYS_LINKAT:    {name: "link", where: at, a: 2, b: 3},
	unix.SYS_SYMLINK:   {name: "symlink", where: plain, a: 1},
	unix.SYS_SYMLINKAT: {name: "symlink", where: at, a: 1, b: 2},
	unix.SYS_UNLINK:    {name: "unlink", where: plain},
	unix.SYS_UNLINKAT:  {name: "unlink", where: at, a: 0, b: 1},
	unix.SYS_RMDIR:     {name: "unlink", where: plain},
	unix.SYS_MKDIR:     {name: "mkdir", where: plain},
	unix.SYS_MKDIRAT:   {name: "mkdir", where: at, a: 0, b: 1},
	unix.SYS_MKNOD:     {name: "mknod", where: plain},
	unix.SYS_MKNODAT:   {name: "mknod", where: at, a: 0, b: 1},

	unix.SYS_CHMOD:        {name: "chmod", where: plain},
	unix.SYS_FCHMOD:       {name: "chmod", where: inFile},
	unix.SYS_FCHMODAT:     {name: "chmod", where: at, a: 0, b: 1},
	unix.SYS_FCHMODAT2:    {name: "chmod", where: at, a: 0, b: 1},
	unix.SYS_CHOWN:        {name: "chown", where: plain},
	unix.SYS_LCHOWN:       {name: "chown", where: plain},
	unix.SYS_FCHOWN:       {name: "chown", where: inFile},
	unix.SYS_FCHOWNAT:     {name: "chown", where: at, a: 0, b: 1},
	unix.SYS_UTIME:        {name: "utimens", where: plain},
	unix.SYS_UTIMES:       {name: "utimens", where: plain},
	unix.SYS_FUTIMESAT:    {name: "utimens", where: at, a: 0, b: 1},
	unix.SYS_UTIMENSAT:    {name: "utimens", where: at, a: 0, b: 1},
	unix.SYS_SETXATTR:     {name: "setxattr", where: plain},
	unix.SYS_LSETXATTR:    {name: "setxattr", where: plain},
	unix.SYS_FSETXATTR:    {name: "setxattr", where: inFile},
	unix.SYS_REMOVEXATTR:  {name: "removexattr", where: plain},
	unix.SYS_LREMOVEXATTR: {name: "removexattr", where: plain},
	unix.SYS_FREMOVEXATTR: {name: "removexattr", where: inFile},

	unix.SYS_EXECVE:   {name: "execve", where: plain},
	unix.SYS_EXECVEAT: {name: "execve", where: at, a: 0, b: 1},
}

const auditArchitecture = unix.AUDIT_ARCH_X86_64

// number and arguments of the call that a thread is about to make.
func number(registers *unix.PtraceRegs) int { return int(int64(registers.Orig_rax)) }

func argument(registers *unix.PtraceRegs, n int) uint64 {
	return [6]uint64{registers.Rdi, registers.Rsi, registers.Rdx, registers.R10, registers.R8, registers.R9}[n]
}

// refuse makes the kernel pass the call over, and return an error in its place.
func refuse(registers *unix.PtraceRegs, errno unix.Errno) {
	registers.Orig_rax = ^uint64(0)
	registers.Rax = -uint64(errno)
}
