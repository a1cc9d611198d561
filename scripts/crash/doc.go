//go:build amd64

// Crash kills gwe at every system call that changes something, or lets the call fail, and judges what is
// left.
//
// Each trial starts from a saved machine (package gateway), carries out one change (a first install, an
// update, a failing update, a rollback by a recipe or by hand, an update of gwe itself, a release whose
// programs are restarted) with one disturbance, lets gwe recover, asks the oracle, and updates once more. The
// disturbances:
//
//	kill-before POINT   SIGKILL before the call is made
//	kill-after POINT    SIGKILL when it has been made
//	kill-first-before POINT, kill-first-after POINT
//	                    where POINT is one of the gwe that a run was handed over to: SIGKILL for the one that began the run,
//	                    with which the other one must die
//	kill-each POINT     SIGKILL for that gwe, and then for the one that began the run, while it rolls all back
//	EIO POINT           the call is not made and returns EIO; so do ENOSPC, EDQUOT, EROFS and EINTR
//	EIO-on POINT        as EIO, and so does every later call of this process that may: the disk is gone for good
//
// A point is a call, a path and a number: "rename opt/current#1". One of a gwe that another one has started
// says so: "rename bin/gwe#1 by program 3".
//
// A recovery is in one part or in the two of a boot (gwe recover --early, and after it gwe recover), as a
// coin of the trial falls; the points of the second part are "by program 2". That of a self-update is by the
// gwe that lies in place, or by the one that was kept. A recovery is killed too, at the first point at which
// the disk is in a state that was not seen before; what that leaves is recovered, and killed, likewise, until
// there are no new states.
//
//	go run ./scripts/crash points update            lists the points of a change
//	go run ./scripts/crash try update DISTURBANCE   one trial; a second disturbance is one of the recovery, and so on
//	go run ./scripts/crash campaign                 all of it
//
// It runs as root, for its file systems in memory, and on amd64 only.
package main
