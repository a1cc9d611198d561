package plugin

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
)

const (
	// maximumLine is how many bytes a line of a plugin may have, as a record of the journal.
	maximumLine = 1 << 20
	// maximumStream is how many bytes a plugin may write to each stream in one operation.
	maximumStream = 16 << 20
	// maximumLog is how many bytes of its log lines are shown.
	maximumLog = 1 << 20
)

// answers reads what a plugin writes to its standard output, in bounded memory. The first lie ends the
// conversation.
type answers struct {
	conversation
	stop context.CancelCauseFunc

	line   []byte
	total  int
	logged int
	unseen int
	// answer is the result or the error; nil as long as there is none.
	answer *event
	lie    error
}

// Write never fails: after a lie the rest is let go.
func (a *answers) Write(chunk []byte) (int, error) {
	size := len(chunk)
	if a.total += size; a.total > maximumStream {
		a.refuse("plugin-flood", "it wrote more than %d MiB", maximumStream>>20)
	}
	for a.lie == nil {
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			a.grow(chunk)
			break
		}
		a.grow(chunk[:end])
		a.take()
		chunk = chunk[end+1:]
	}
	return size, nil
}

func (a *answers) grow(text []byte) {
	if len(a.line)+len(text) > maximumLine {
		a.refuse("plugin-line-too-long", "it wrote a line of more than %d KiB", maximumLine>>10)
		return
	}
	a.line = append(a.line, text...)
}

// end takes a last line that has no newline.
func (a *answers) end() {
	if a.lie == nil {
		a.take()
	}
	if a.unseen > 0 {
		a.log.Warn(fmt.Sprintf("%d log lines of the plugin are left out", a.unseen))
	}
}

// take reads the line that is complete now.
func (a *answers) take() {
	line := bytes.TrimSpace(a.line)
	a.line = a.line[:0]
	if a.lie != nil || len(line) == 0 {
		return
	}
	if a.answer != nil {
		a.refuse("plugin-after-result", "it wrote another line after its result: %s", clip(line))
		return
	}
	if !utf8.Valid(line) {
		a.refuse("plugin-garbage", "it wrote a line that is not UTF-8")
		return
	}
	read := new(event)
	if err := strictly(line, read); err != nil {
		a.refuse("plugin-garbage", "it wrote a line that is not a message (%v): %s", err, clip(line))
		return
	}
	a.hear(read)
}

func (a *answers) hear(read *event) {
	switch read.Event {
	case eventLog:
		a.show(read)
	case eventProgress:
		a.log.Progress(read.Current, read.Total, read.Unit)
	case eventResult, eventError:
		a.conclude(read)
	default:
		a.refuse("plugin-garbage", "it wrote a message of the kind %s, which there is none of", clip([]byte(read.Event)))
	}
}

func (a *answers) show(read *event) {
	if a.logged += len(read.Text); a.logged > maximumLog {
		a.unseen++
		return
	}
	switch read.Level {
	case "info":
		a.log.Info(read.Text)
	case "warning":
		a.log.Warn(read.Text)
	case "output":
		a.log.Output(read.Text)
	default:
		a.refuse("plugin-garbage", "it wrote a log line of the level %s: info, warning and output are the levels", clip([]byte(read.Level)))
	}
}

func (a *answers) conclude(read *event) {
	classes := []string{string(fault.Failed), string(fault.Refused), string(fault.Errored), string(fault.Interrupted)}
	switch {
	case read.Protocol != Protocol:
		a.refuse("plugin-protocol", "it answers in version %d of the protocol, and was asked in version %d", read.Protocol, Protocol)
	case read.Type != a.asked.Type:
		a.refuse("plugin-other-answer", "it answers for the type %s, and %s was asked for", clip([]byte(read.Type)), a.asked.Type)
	case read.Operation != a.asked.Operation:
		a.refuse("plugin-other-answer", "it answers to %s, and %s was asked for", clip([]byte(read.Operation)), a.asked.Operation)
	case read.Event == eventError && !slices.Contains(classes, read.Class):
		a.refuse("plugin-garbage", "its error is of the class %s: failed, refused, errored and interrupted are the classes", clip([]byte(read.Class)))
	case read.Event == eventError && (!kebab.MatchString(read.Code) || read.Message == ""):
		a.refuse("plugin-garbage", "its error has no message, or no kebab-case code")
	default:
		a.answer = read
	}
}

func (a *answers) refuse(code, format string, arguments ...any) {
	if a.lie == nil {
		a.lie = lie(a.path, code, format, arguments...)
		a.stop(a.lie)
	}
}

// fault is a plugin's error as an error of gwe. Its code begins with the type, so that it is no other's.
func (e *event) fault() error {
	class := fault.Class(e.Class)
	if class == fault.Interrupted {
		// Nobody told it to stop, or this would not be read.
		class = fault.Failed
	}
	code := e.Code
	if !strings.HasPrefix(code, e.Type+"-") {
		code = e.Type + "-" + code
	}
	found := fault.New(class, code, "%s", e.Message)
	found.Hint = e.Hint
	return found
}

// counter bounds what a plugin writes to its standard error.
type counter struct {
	conversation
	stop  context.CancelCauseFunc
	total int
	last  string
	lie   error
}

func (c *counter) Write(chunk []byte) (int, error) {
	if c.total += len(chunk); c.total > maximumStream && c.lie == nil {
		c.lie = lie(c.path, "plugin-flood", "it wrote more than %d MiB to its standard error", maximumStream>>20)
		c.stop(c.lie)
	}
	return len(chunk), nil
}

// clip shortens what a plugin wrote for a message.
func clip(text []byte) string {
	const most = 80
	if len(text) <= most {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:most]), "") + "..."
}
