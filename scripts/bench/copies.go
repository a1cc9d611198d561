package main

import (
	"os"
	"os/exec"
)

// syncRecipe is the one step that is measured against rsync.
const syncRecipe = `gwe: 1
name: bench
inputs: { source: { type: path, required: true }, target: { type: path, required: true } }
steps: [ { rsync: { source: "${{ inputs.source }}", target: "${{ inputs.target }}", delete: true } } ]
`

// copiesNote says what is compared, for rsync and the step do not do the same.
const copiesNote = `rsync is followed by one sync -f of its file system; after a power cut in between, its target is a mixture. A run of gwe keeps what
the old target was until it ends, and writes a journal: some 15 fsyncs and two syncfs in all, however many files there are. A
small tree waits for these more than for its files.
`

// copies are who copies the releases' directories: rsync until all is on the disk, and the step rsync.
func copies(s *scene) ([]*contender, error) {
	recipe := s.in("sync.yaml")
	if err := os.WriteFile(recipe, []byte(syncRecipe), 0o644); err != nil {
		return nil, err
	}
	theirs := s.shell("rsync, sync -f", "theirs", `rsync -aHAXS --delete "v$2/firmware-$2/" "$1/target/current/" && sync -f "$1"`)
	ours := s.in("home-ours")
	return []*contender{theirs, {name: "gwe, rsync step", home: ours, command: func(version int) *exec.Cmd {
		return exec.Command(s.gwe, "--state-dir", ours+"/state", "run", recipe, "-i", "source="+s.tree(version), "-i", "target="+ours+"/target/current")
	}}}, nil
}
