package recipetest

import "github.com/gwe-project/gwe/engine/journal"

// mortal is a journal at one of whose records gwe dies.
type mortal struct {
	journal.Writer
	count     int
	at        int
	behind    bool
	committed bool
}

// death is thrown through the engine, as a kill goes through a process: nothing of the engine runs after it.
type death struct{}

// UseReserve hands on what the engine asks of journals that have it.
func (m *mortal) UseReserve() error {
	if reserved, ok := m.Writer.(interface{ UseReserve() error }); ok {
		return reserved.UseReserve()
	}
	return nil
}

func (m *mortal) Append(kind string, data any) error { return m.write(kind, data, m.Writer.Append) }

func (m *mortal) Note(kind string, data any) error { return m.write(kind, data, m.Writer.Note) }

func (m *mortal) write(kind string, data any, write func(string, any) error) error {
	m.count++
	if m.count == m.at && !m.behind {
		panic(death{})
	}
	err := write(kind, data)
	m.committed = m.committed || kind == "committed"
	if m.count == m.at {
		panic(death{})
	}
	return err
}
