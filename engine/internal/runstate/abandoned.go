package runstate

// Abandoned is something that a run kept for its undo, that no undo needs any more, and that gwe could not
// remove and does not try to remove again: the directory that it lay in is another one by now.
type Abandoned struct {
	// Run is the id of the run that kept it.
	Run string `json:"run"`
	// Path is where it lay.
	Path string `json:"path"`
	// Why is the error: it names the directory as it was.
	Why string `json:"why"`
}

// AbandonedRecord is the same in a record of the run.
type AbandonedRecord struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// ReleasedRecord says that a run keeps nothing for its undo any more.
type ReleasedRecord struct {
	Abandoned []AbandonedRecord `json:"abandoned,omitempty"`
}

// Warning says it once in a log.
func (a AbandonedRecord) Warning() string {
	return "not removed, and not tried again: " + a.Path + ", which no undo needs any more: " + a.Why + "; see where it is now, and remove it by hand"
}

// left lists what the run kept and could not remove.
func (p *StoredRun) left() []Abandoned {
	var all []Abandoned
	for _, one := range p.abandoned {
		all = append(all, Abandoned{Run: p.Directory.ID(), Path: one.Path, Why: one.Why})
	}
	return all
}
