package tasklog

// ofRun is a Sink that says of each event which run and which step it is of, and passes it on.
type ofRun struct {
	sink Sink
	run  string
	// steps are the ids of the steps of the open tasks.
	steps map[int]string
}

// OfRun is a sink for the events of one run, which passes them on with the ids of the run and of the step:
// programs that follow several runs, or look for one step, need not keep a table of tasks.
func OfRun(run string, sink Sink) Sink { return &ofRun{sink: sink, run: run, steps: map[int]string{}} }

func (o *ofRun) Handle(event Event) {
	event.Run = o.run
	switch {
	case event.Kind == Started && event.Step != "":
		o.steps[event.Task] = event.Step
	case event.Kind != Started:
		event.Step = o.steps[event.Task]
	}
	if event.Kind == Ended {
		delete(o.steps, event.Task)
	}
	o.sink.Handle(event)
}
