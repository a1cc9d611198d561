//go:build amd64

// Package trace runs a program and stops it at every system call that changes a file, to name the call, to
// end the program there, or to let the call fail.
//
// It is what strace's injection is not: it counts over the whole process, however the Go runtime spreads the
// work over threads, and it names each point by what is done to which path, and the how-manieth time, so that
// the next run finds the point again: "rename opt/current#3".
//
// A seccomp filter stops the chosen calls alone, so that all others run at full speed. It chooses by call, by
// flags, and by where the call comes from: a program that is linked at a fixed address, as Go does, is told
// apart from the programs that it starts, which load elsewhere. Those are let go at their execve, and live on
// when the tracing ends. A child that is linked at a fixed address too, the gwe that a run is handed over to
// say, is followed: its points are "rename opt/current#1 by program 2". One that only a child of a child
// starts, a gwe that a hook calls say, is not, and its calls fail with ENOSYS.
//
// It runs on Linux for amd64, as root (a filter without "no new privileges", so that set-user-id programs
// work). It imports nothing of ours.
package trace
