// Package gateway is the machine on which gwe is broken on purpose, and the oracle that judges it: what the
// tests of kills, the campaigns of kills and errors at every system call, and the mutations have in common.
//
// It may import all of ours, and is imported by tests and by programs under scripts only. It runs as root.
package gateway
