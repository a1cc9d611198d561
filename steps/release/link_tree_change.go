package release

import (
	"encoding/json"
	"io/fs"
	"syscall"
)

// changeKind is one of the four things that link-tree does at a place.
type changeKind string

const (
	makeDirectory changeKind = "folder"
	makeLink      changeKind = "link"
	replaceByLink changeKind = "replace"
	removeStale   changeKind = "stale"
)

// change is what is to be done at one place. Names are bytes, valid UTF-8 or not, so that JSON keeps them as
// they are.
type change struct {
	Kind changeKind `json:"kind"`
	// Path is the place, its directories without links.
	Path name `json:"path"`
	// Source is the file, or the directory, in the tree. A symbolic link has it as its text.
	Source name `json:"source,omitempty"`
	Hard   bool `json:"hard,omitempty"`
	// File is the inode of the source, for hard links, and Old that of what was there before; 0 is none.
	// Numbers of devices are not kept: they may be others after a boot.
	File uint64 `json:"file,omitempty"`
	Old  uint64 `json:"old,omitempty"`
	// In is the inode of the directory that holds the place; 0 where this step makes it, and in journals of
	// older gwes.
	In uint64 `json:"in,omitempty"`
	// Hidden is the name beside the place where a link that replaces something is made, and where the old
	// thing is kept from then on.
	Hidden name `json:"hidden,omitempty"`
}

// name is the path of something.
type name string

// MarshalJSON and UnmarshalJSON take any bytes.
func (n name) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(n)) }

// UnmarshalJSON is the way back.
func (n *name) UnmarshalJSON(text []byte) error {
	var raw []byte
	err := json.Unmarshal(text, &raw)
	*n = name(raw)
	return err
}

// inodeOf gives the number of a file on its file system.
func inodeOf(info fs.FileInfo) uint64 {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return status.Ino
}
