package release

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// changeKind is one of the four things that link-tree does at a place.
type changeKind string

const (
	makeFolder    changeKind = "folder"
	makeLink      changeKind = "link"
	replaceByLink changeKind = "replace"
	removeStale   changeKind = "stale"
)

// change is what is to be done at one place. Names are bytes, valid UTF-8 or not, so that JSON keeps them as they are.
type change struct {
	Kind changeKind `json:"kind"`
	// Path is the place, its folders without links.
	Path name `json:"path"`
	// Source is the file, or the folder, in the tree. A symbolic link has it as its text.
	Source name `json:"source,omitempty"`
	Hard   bool `json:"hard,omitempty"`
	// File is the inode of the source, for hard links, and Old that of what was there before; 0 is none. Numbers of devices
	// are not kept: they may be others after a boot.
	File uint64 `json:"file,omitempty"`
	Old  uint64 `json:"old,omitempty"`
	// Hidden is the name beside the place where the link is made, and where the old thing is kept from then on.
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

// hide gives every change the hidden name that it needs.
func (s *surveyed) hide(run *step.Run) {
	for i := range s.changes {
		if one := &s.changes[i]; one.Kind != makeFolder {
			hidden := fmt.Sprintf("%slink-%s-%s-%d", durable.Prefix, run.ID, filepath.Base(run.Step), i)
			one.Hidden = name(filepath.Join(filepath.Dir(string(one.Path)), hidden))
		}
	}
}

// changesName is the file in Run.Folder that holds the changes, one a line: there may be too many for the journal.
const changesName = "changes"

func (s *surveyed) write(folder string) error {
	file, err := os.OpenFile(filepath.Join(folder, changesName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return durable.Explain(err, "cannot write down what is to be linked")
	}
	defer file.Close()
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	for _, one := range s.changes {
		if err := encoder.Encode(one); err != nil {
			return durable.Explain(err, "cannot write down what is to be linked")
		}
	}
	if err := buffered.Flush(); err != nil {
		return durable.Explain(err, "cannot write down what is to be linked")
	}
	return durable.Explain(file.Close(), "cannot write down what is to be linked")
}

// changes reads them again; there must be as many as the memo says.
func (m linkTreeMemo) changes(folder string) ([]change, error) {
	if m.Changes == 0 {
		return nil, nil
	}
	file, err := os.Open(filepath.Join(folder, changesName))
	if err != nil {
		return nil, durable.Explain(err, "cannot read what was linked")
	}
	defer file.Close()
	decoder := json.NewDecoder(bufio.NewReader(file))
	changes := make([]change, 0, m.Changes)
	for {
		var one change
		if err = decoder.Decode(&one); err != nil {
			break
		}
		changes = append(changes, one)
	}
	if !errors.Is(err, io.EOF) || len(changes) != m.Changes {
		return nil, fault.New(fault.Errored, "link-tree-changes-unreadable", "what was linked is not written down whole: %d of %d changes", len(changes), m.Changes).
			WithCause(err)
	}
	return changes, nil
}
