package tasklog

// Fanout hands every event to each of several sinks, in order.
type Fanout []Sink

// Handle hands the event on.
func (f Fanout) Handle(event Event) {
	for _, sink := range f {
		sink.Handle(event)
	}
}
