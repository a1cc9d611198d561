package tasklog

import (
	"encoding/json"
	"io"
)

// JSON writes one event a line.
type JSON struct {
	encoder *json.Encoder
	err     error
}

// NewJSON writes to out.
func NewJSON(out io.Writer) *JSON {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return &JSON{encoder: encoder}
}

// Handle writes an event.
func (j *JSON) Handle(event Event) {
	if err := j.encoder.Encode(event); err != nil && j.err == nil {
		j.err = err
	}
}

// Close gives the first error of a write.
func (j *JSON) Close() error { return j.err }
