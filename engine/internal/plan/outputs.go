package plan

// plannedOutputs are the outputs that a plan knows, by id: nil where it knows that they will be absent. What
// a plan foresees within a round or a branch is taken back after it.
type plannedOutputs struct {
	outputs map[string]any
	former  []formerly
}

// formerly is what was foreseen for an id before that changed.
type formerly struct {
	id      string
	outputs any
	known   bool
}

func (f *plannedOutputs) set(id string, outputs any) {
	f.change(id)
	f.outputs[id] = outputs
}

// markUnknown notes that nobody knows yet what a step leaves.
func (f *plannedOutputs) markUnknown(id string) {
	f.change(id)
	delete(f.outputs, id)
}

func (f *plannedOutputs) change(id string) {
	outputs, known := f.outputs[id]
	f.former = append(f.former, formerly{id, outputs, known})
}

// revert takes back all but the first changes.
func (f *plannedOutputs) revert(changes int) {
	for len(f.former) > changes {
		last := f.former[len(f.former)-1]
		f.former = f.former[:len(f.former)-1]
		if delete(f.outputs, last.id); last.known {
			f.outputs[last.id] = last.outputs
		}
	}
}
