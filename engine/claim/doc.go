// Package claim keeps two runs from working on one directory at the same time, and tells each run which state
// directories have worked on its directories before.
//
// A claim is a file in a directory that only root may write, for root's gwe, or only the user, for that
// user's. The process that works holds a flock on it for as long as it lives; its content says on which
// directories. Nobody else can open it, so nobody else can hold it. Two claims exclude each other if one
// directory of theirs is the same, or lies in the other, whatever their paths are called: links are followed,
// and bind mounts are compared by what they show.
//
// Beside the claims, the records of state directories outlive the process and the reboot: which directories
// the runs of a state directory work on, and which of these runs have not ended.
//
// It may import durable, fault, process, regular and trust.
package claim
