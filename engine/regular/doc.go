// Package regular opens the files that gwe itself has made, and nothing else that somebody put in their place: a FIFO would keep
// whoever opens it waiting for ever, and a link leads to what is another's.
//
// It is a leaf: it imports engine/fault and nothing else of ours.
package regular
