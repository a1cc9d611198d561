package tasklog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// replayLine bounds a line of a kept log: longer ones are not gwe's.
const replayLine = 4 << 20

// Replay hands the events of a kept log to a sink, as they came. Lines that are not events, as a crash may
// leave, are left out; damaged is how many.
func Replay(log io.Reader, sink Sink) (damaged int, err error) {
	lines := bufio.NewReaderSize(log, 64<<10)
	for {
		line, long, err := readLine(lines)
		if len(bytes.TrimSpace(line)) > 0 {
			var event Event
			if long || json.Unmarshal(line, &event) != nil || event.Task < 1 {
				damaged++
			} else {
				sink.Handle(sanitized(event))
			}
		}
		if errors.Is(err, io.EOF) {
			return damaged, nil
		}
		if err != nil {
			return damaged, err
		}
	}
}

// readLine reads up to a newline; of a line that is too long it gives the start.
func readLine(lines *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := lines.ReadSlice('\n')
		if len(line)+len(part) <= replayLine {
			line = append(line, part...)
		} else {
			long = true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, long, err
		}
	}
}

// sanitized makes an event fit for a terminal, whoever wrote the file.
func sanitized(event Event) Event {
	event.Name, event.Text = clean(event.Name), clean(event.Text)
	event.Error, event.Code, event.Hint = clean(event.Error), clean(event.Code), clean(event.Hint)
	event.Unit = clean(event.Unit)
	return event
}
