package tasklog

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Masked stands for a secret in every event.
const Masked = "***"

// maskedLength is how many bytes a secret, or a line of one, has at least to be masked. Shorter ones would turn ordinary
// words and numbers into stars, and tell by that what they are.
const maskedLength = 6

// Mask is a sink that takes secrets out of what passes through. A secret of several lines is masked line by line.
type Mask struct {
	sink    Sink
	mutex   sync.Mutex
	secrets []string
}

// NewMask passes events on to sink.
func NewMask(sink Sink, secrets ...string) *Mask {
	mask := &Mask{sink: sink}
	mask.Add(secrets...)
	return mask
}

// Add takes further secrets out from now on. It may be called while events pass.
func (m *Mask) Add(secrets ...string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, secret := range secrets {
		for line := range strings.SplitSeq(secret, "\n") {
			// Events hold cleaned text, so the secret is looked for as it would stand there.
			line = clean(strings.TrimSuffix(line, "\r"))
			if len(line) >= maskedLength && !slices.Contains(m.secrets, line) {
				m.secrets = append(m.secrets, line)
			}
		}
	}
	// A secret that holds another one goes first, or its rest would stay.
	slices.SortStableFunc(m.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// Handle passes the event on without secrets.
func (m *Mask) Handle(event Event) {
	event.Name, event.Text = m.Text(event.Name), m.Text(event.Text)
	event.Error, event.Hint = m.Text(event.Error), m.Text(event.Hint)
	m.sink.Handle(event)
}

// Text gives a text without secrets: for what goes elsewhere than to the log, a final error say.
func (m *Mask) Text(text string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, secret := range m.secrets {
		text = strings.ReplaceAll(text, secret, Masked)
	}
	return text
}
