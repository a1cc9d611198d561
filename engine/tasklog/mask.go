package tasklog

import (
	"strings"
	"sync"
)

// Masked stands for a secret in every event.
const Masked = "***"

const (
	// maskedLength is how many bytes a secret, or a line of one, has at least to be masked. Shorter ones
	// would turn ordinary words and numbers into stars, and tell by that what they are.
	maskedLength = 6
	// pieceLength is how many bytes are looked for at once: a longer secret is masked in pieces.
	pieceLength = 512
	// formsLength is how many bytes a secret has at most whose encoded forms are masked too.
	formsLength = 16 << 10
	// maskLimit is how many bytes are looked for in all. Each costs about 21 bytes of memory.
	maskLimit = 4 << 20
)

// Mask is a sink that takes secrets out of what passes through, in every form that Forms lists. A secret of
// several lines is masked as a whole and line by line. Where there is more to look for than it can hold, it
// masks every text whole.
type Mask struct {
	mutex   sync.Mutex
	sink    Sink
	secrets map[string]bool
	length  int
	// linked finds the secrets; nil where some were added since older, which finds those of before.
	linked, older *matcher
}

// NewMask passes events on to sink.
func NewMask(sink Sink, secrets ...string) *Mask {
	mask := &Mask{sink: sink, secrets: map[string]bool{}}
	mask.Add(secrets...)
	return mask
}

// SendTo passes events on to another sink from now on.
func (m *Mask) SendTo(sink Sink) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.sink = sink
}

// Add takes further secrets out from now on. It may be called while events pass.
func (m *Mask) Add(secrets ...string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, secret := range secrets {
		m.addWithLines(secret)
	}
}

func (m *Mask) addWithLines(secret string) {
	m.add(secret)
	if strings.Contains(secret, "\n") {
		for line := range strings.SplitSeq(secret, "\n") {
			m.add(line)
		}
	}
}

// AddComputed takes out what was made of a secret, too. It reports whether that was necessary: false is for
// what is masked already, as a form of the secret, and for what is too short.
func (m *Mask) AddComputed(text string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	trimmed := strings.TrimSpace(text)
	// The matcher may be an older one: to link it anew for each of many texts would take long.
	if len(trimmed) < maskedLength || m.older != nil && masked(m.older, trimmed) == Masked {
		return false
	}
	before := len(m.secrets)
	m.addWithLines(text)
	return len(m.secrets) > before
}

func (m *Mask) add(secret string) {
	if secret = strings.TrimSpace(secret); len(secret) < maskedLength {
		return
	}
	forms := []string{secret}
	if len(secret) <= formsLength {
		forms = append(forms, Forms(secret)...)
	}
	for _, form := range forms {
		m.piece(lineEnds.Replace(form))
		m.piece(clean(lineEnds.Replace(form))) // as it stands in an event
	}
}

var lineEnds = strings.NewReplacer("\r", "", "\n", "")

// piece adds a text that is looked for, in pieces where it is long: the last one has the length of the
// others.
func (m *Mask) piece(text string) {
	if len(text) < maskedLength || m.length > maskLimit {
		return
	}
	for from := 0; from < len(text); from += pieceLength {
		one := text[max(0, min(from, len(text)-pieceLength)):min(from+pieceLength, len(text))]
		if !m.secrets[one] {
			m.secrets[one] = true
			m.length += len(one)
			m.linked = nil
		}
	}
}

// texts is the matcher of all that is masked now.
func (m *Mask) texts() *matcher {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.linked == nil {
		texts := make([]string, 0, len(m.secrets))
		for one := range m.secrets {
			texts = append(texts, one)
		}
		m.linked = newMatcher(texts)
		m.older = m.linked
	}
	return m.linked
}

func (m *Mask) full() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.length > maskLimit
}

// Handle passes the event on without secrets.
func (m *Mask) Handle(event Event) {
	event.Name, event.Text = m.Text(event.Name), m.Text(event.Text)
	event.Error, event.Hint, event.Item = m.Text(event.Error), m.Text(event.Hint), m.Text(event.Item)
	m.mutex.Lock()
	sink := m.sink
	m.mutex.Unlock()
	sink.Handle(event)
}

// Text gives a text without secrets: for what goes elsewhere than to the log, a final error say.
func (m *Mask) Text(text string) string {
	found := m.texts()
	switch {
	case text == "" || found.empty():
		return text
	case m.full():
		return Masked
	}
	return masked(found, text)
}

func masked(found *matcher, text string) string {
	s := stream{matcher: found}
	for i := range len(text) {
		s.take(heldByte{is: text[i]})
	}
	for _, one := range s.held {
		s.emit(one)
	}
	return string(s.out)
}

// Holds reports whether a secret stands in a text.
func (m *Mask) Holds(text string) bool { return m.Text(text) != text }
