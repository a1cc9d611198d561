package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Fact is what became of one of a recipe's facts.
type Fact struct {
	Name string
	Type value.Type
	// Source says where it comes from: "file /etc/board", "run board-id --name".
	Source string
	// Asked is false for a program's where nothing may be run: then nothing is known.
	Asked bool
	// Value is nil where an optional fact is absent.
	Value any
	// Err says why it could not be read.
	Err error
}

// MarshalJSON gives the fact's name, type and source, its value where it has one, and why it could not be read.
func (f Fact) MarshalJSON() ([]byte, error) {
	told := struct {
		Name   string          `json:"name"`
		Type   string          `json:"type"`
		Source string          `json:"source"`
		Asked  bool            `json:"asked"`
		Value  json.RawMessage `json:"value,omitempty"`
		Error  string          `json:"error,omitempty"`
	}{Name: f.Name, Type: f.Type.String(), Source: f.Source, Asked: f.Asked}
	if f.Err != nil {
		told.Error = f.Err.Error()
	}
	if f.Value != nil {
		raw, err := value.ToJSON(f.Type, f.Value)
		if err != nil {
			return nil, err
		}
		told.Value = raw
	}
	return json.Marshal(told)
}

// Limits of a fact: how many bytes its text has at most, how much of it the log shows, how long a program may take that says nothing else, and
// how long a file may.
const (
	shownRunes  = 200
	factLength  = 64 << 10
	factTimeout = time.Minute
	fileTimeout = 5 * time.Second
)

// HostFacts are the facts of the machine that every recipe reads as host.NAME, and their type.
func HostFacts() (map[string]any, value.Type, error) {
	facts, err := value.FromStruct(host.Read("/"))
	return facts, host.Type(), err
}

// Facts reads a recipe's facts as a run would, running its programs, and nothing else.
func (e *Engine) Facts(ctx context.Context, compiled *Program, given Inputs) ([]Fact, error) {
	_, names, err := e.begin(compiled, given)
	if err != nil {
		return nil, err
	}
	reader := factReader{machine: e.Machine, programs: true, untrusted: e.Untrusted, environment: process.BaseEnvironment()}
	return reader.all(ctx, compiled, names), nil
}

// readFacts reads the facts of a run that begins, and adds them to what its first record says.
func (e *Engine) readFacts(ctx context.Context, x *runner, begin *runstate.BeginRecord) (err error) {
	if len(x.program.Facts) == 0 {
		return nil
	}
	task := x.task.Begin("facts", "Read the facts")
	defer func() {
		if err != nil {
			task.Fail(err)
		} else {
			task.Done("")
		}
	}()
	if err := os.WriteFile(x.folder.Mark(), []byte(x.mark(placeFacts)), 0o600); err != nil {
		return runstate.StateUnusable(e.State.Folder, err)
	}
	reader := factReader{
		machine: e.Machine, programs: true, untrusted: e.Untrusted, log: task,
		environment: append(process.BaseEnvironment(), "GWE_RUN_ID="+x.folder.ID(), "GWE_RECOVERING=0", x.mark(placeFacts)),
	}
	values := map[string]any{}
	for _, read := range reader.all(ctx, x.program, x.state.own()) {
		if read.Err != nil {
			return read.Err
		}
		if values[read.Name] = read.Value; read.Value != nil {
			task.Info(read.Name + ": " + runstate.Limited(value.Text(read.Value), shownRunes))
		}
	}
	x.state.facts = values
	begin.Facts, err = program.EncodeObject(program.FactsType(x.program), values)
	return err
}

// factReader reads facts.
type factReader struct {
	machine step.Machine
	// programs reports whether programs may be run, and environment what they get.
	programs    bool
	environment []string
	log         *tasklog.Task
	// untrusted is set where root may run programs that a less trusted user can change.
	untrusted bool
}

func (r factReader) all(ctx context.Context, compiled *Program, names map[string]any) []Fact {
	facts := make([]Fact, 0, len(compiled.Facts))
	for _, f := range compiled.Facts {
		facts = append(facts, r.read(ctx, f, names))
	}
	return facts
}

func (r factReader) read(ctx context.Context, f *program.Fact, names map[string]any) Fact {
	read := Fact{Name: f.Declared.Name.Text, Type: f.Declared.Type, Asked: true}
	var text string
	var err error
	switch {
	case f.Free != nil:
		var path any
		if path, err = f.Free.Evaluate(names); err == nil {
			read.Source = "free " + value.Text(path)
			read.Value, err = r.space(value.Text(path))
		}
	case f.File != nil:
		var path any
		if path, err = f.File.Evaluate(names); err == nil {
			read.Source = "file " + value.Text(path)
			text, err = r.content(ctx, value.Text(path))
		}
	default:
		var argv any
		if argv, err = f.Run.Evaluate(names); err == nil {
			arguments := program.Texts(argv)
			read.Source = "run " + strings.Join(arguments, " ")
			if read.Asked = r.programs; !r.programs {
				return read
			}
			text, err = r.output(ctx, f, arguments, names)
		}
	}
	if err != nil {
		if !f.Declared.Optional || !lacking(err) {
			read.Err = unavailable(read.Name, f.Declared.Optional, err)
		}
		return read
	}
	if f.Free == nil && (text != "" || !f.Declared.Optional) {
		read.Value, read.Err = f.Parse(text)
	}
	return read
}

// content reads a small file.
func (r factReader) content(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	file, err := step.Within(ctx, r.machine).Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", fault.New(fault.Failed, "fact-not-a-file", "%s is not a file", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, factLength+1))
	if err != nil {
		return "", err
	}
	return plain(content)
}

// space asks for the file system of a path, or of its nearest parent that is there.
func (r factReader) space(path string) (any, error) {
	folder, _, err := nearest(r.machine, path)
	if err != nil {
		return nil, err
	}
	free, err := r.machine.Space(folder)
	return value.SizeOf(free), err
}

// output runs a program to its end and gives what it wrote.
func (r factReader) output(ctx context.Context, f *program.Fact, argv []string, names map[string]any) (string, error) {
	limit := factTimeout
	if f.Timeout != nil {
		given, err := f.Timeout.Evaluate(names)
		if err != nil {
			return "", err
		}
		limit = given.(value.Duration).Std()
	}
	if !r.untrusted {
		if err := trustedProgram(f.Declared.Name.Text, argv[0], r.environment); err != nil {
			return "", err
		}
	}
	var written beginning
	result, err := process.Run(ctx, process.Command{
		Arguments: argv, Folder: "/", Environment: r.environment, Timeout: limit, Stdout: &written, Filter: r.log.Filter,
		Output: func(stream, line string) {
			if stream == "stderr" {
				r.log.Output(line)
			}
		},
	})
	if err == nil {
		err = result.Check(argv[0])
	}
	if err != nil {
		return "", err
	}
	return plain(written)
}

// beginning keeps one byte more than a fact may have, and lets the rest go.
type beginning []byte

func (b *beginning) Write(chunk []byte) (int, error) {
	*b = append(*b, chunk[:min(len(chunk), factLength+1-len(*b))]...)
	return len(chunk), nil
}

// plain is text without the blanks and line ends around it, and without the NUL that ends it in a device tree.
func plain(content []byte) (string, error) {
	switch {
	case len(content) > factLength:
		return "", fault.New(fault.Failed, "fact-too-long", "it has more than %d bytes", factLength)
	case !utf8.Valid(content):
		return "", fault.New(fault.Failed, "fact-not-text", "it is not UTF-8 text")
	}
	return strings.Trim(string(content), " \t\r\n\x00"), nil
}

// lacking reports whether the machine just does not have the fact, which an optional one may.
func lacking(err error) bool {
	f := fault.As(err)
	return errors.Is(err, fs.ErrNotExist) || f != nil && slices.Contains([]string{"process-not-found", "process-exit"}, f.Code)
}

func unavailable(name string, optional bool, err error) error {
	if fault.ClassOf(err) == fault.Interrupted {
		return err
	}
	if f := fault.As(err); f != nil && f.Code == "fact-program-untrusted" {
		return err
	}
	refusal := fault.New(fault.Refused, "fact-unavailable", "the fact %s cannot be read", name).WithCause(err)
	if !optional && lacking(err) {
		return refusal.WithHint("where a machine may lack it, write optional: true, and say what then: facts.%s ?? ...", name)
	}
	return refusal
}
