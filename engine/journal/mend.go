package journal

// tail is what may not be durable yet of a journal, so that it can be written again.
type tail struct {
	// text are the lines after the last record that is known to be durable, and from is where that one ends.
	text []byte
	from int64
	// failed is the record whose writing failed last, while nobody has said what becomes of it.
	failed *failed
	// stale is where bytes of a record begin that failed and is not part of the journal; -1 where there are
	// none.
	stale int64
}

// failed is a record that is not in the journal, though all of it, or some, may be in the file.
type failed struct {
	text []byte
	next chain
	err  error
}

// Keep makes the record that failed last a part of the journal all the same: it is held in memory until Mend
// writes it. Without Keep it never was. Keep reports whether there is such a record; one that no journal
// takes is none.
func (j *Journal) Keep() bool {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	kept := j.tail.failed
	if kept == nil || j.file == nil {
		return false
	}
	j.take(kept.text, kept.next)
	j.tail.failed = nil
	if j.broken == nil { // there was no space for it, and the next record must not be written in front of it
		j.broken = kept.err
	}
	return true
}

// take makes a record the last one.
func (j *Journal) take(text []byte, next chain) {
	j.tail.text = append(j.tail.text, text...)
	j.last, j.size = next, j.size+int64(len(text))
}

// forgo gives up the record that failed last. The next reader may find it as long as its bytes are not
// blanked.
func (j *Journal) forgo() {
	if j.tail.failed != nil && j.broken != nil && j.tail.stale < 0 {
		j.tail.stale = j.size
	}
	j.tail.failed = nil
}

// Mend makes a broken journal take records again: all that is not known to be durable is written and synced
// once more. It is for the way back, and may be tried again and again.
func (j *Journal) Mend() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.file == nil || j.broken == nil {
		return j.broken
	}
	return j.mend()
}

func (j *Journal) mend() error {
	j.forgo()
	if j.file.Gone() {
		j.broken = gone(j.path)
		return j.broken
	}
	err := j.clear()
	if err == nil {
		_, err = j.file.WriteAt(j.tail.text, j.tail.from)
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = unwritable(j.path, err)
		return j.broken
	}
	j.broken = nil
	j.settled()
	return nil
}

// clear durably takes away what a given-up record left in the file, before another one comes into its place:
// a power cut could else leave parts of both.
func (j *Journal) clear() error {
	if j.tail.stale < 0 {
		return nil
	}
	end, err := j.file.Size()
	if err == nil {
		err = blank(j.file, j.tail.stale, end)
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		j.tail.stale = -1
	}
	return err
}

// settled notes that all records are durable.
func (j *Journal) settled() {
	j.last.synced = j.last.number
	j.tail.text, j.tail.from = nil, j.size
}
