package plan

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
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/trust"
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

// MarshalJSON gives the fact's name, type and source, its value where it has one, and why it could not be
// read.
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

// Limits of a fact: how many bytes its text has at most, how long a program may take that says nothing else,
// and how long a file may.
const (
	factLength  = 64 << 10
	factTimeout = time.Minute
	fileTimeout = 5 * time.Second
)

// FactReader reads facts, each as names say where it is found.
type FactReader struct {
	Machine step.Machine
	// Programs reports whether programs may be run, and environment what they get.
	Programs    bool
	Environment []string
	Log         *tasklog.Task
	// Untrusted is set where root may run programs that a less trusted user can change.
	Untrusted bool
}

// All reads all facts of a program.
func (r FactReader) All(ctx context.Context, compiled *program.Program, names map[string]any) []Fact {
	facts := make([]Fact, 0, len(compiled.Facts))
	for _, f := range compiled.Facts {
		facts = append(facts, r.Read(ctx, f, names))
	}
	return facts
}

// Read reads one fact. Err is why it could not be read.
func (r FactReader) Read(ctx context.Context, f *program.Fact, names map[string]any) Fact {
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
			if read.Asked = r.Programs; !r.Programs {
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
func (r FactReader) content(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	file, err := step.Within(ctx, r.Machine).Open(path)
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
func (r FactReader) space(path string) (any, error) {
	directory, _, err := nearest(r.Machine, path)
	if err != nil {
		return nil, err
	}
	free, err := r.Machine.Space(directory)
	return value.SizeOf(free), err
}

// output runs a program to its end and gives what it wrote.
func (r FactReader) output(ctx context.Context, f *program.Fact, argv []string, names map[string]any) (string, error) {
	limit := factTimeout
	if f.Timeout != nil {
		given, err := f.Timeout.Evaluate(names)
		if err != nil {
			return "", err
		}
		limit = given.(value.Duration).Std()
	}
	if !r.Untrusted {
		if err := trustedProgram(f.Declared.Name.Text, argv[0], r.Environment); err != nil {
			return "", err
		}
	}
	var written beginning
	result, err := process.Run(ctx, process.Command{
		Arguments: argv, Directory: "/", Environment: r.Environment, Timeout: limit, Stdout: &written, Filter: r.Log.Filter,
		Output: func(stream, line string) {
			if stream == "stderr" {
				r.Log.Output(line)
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

// plain is text without the blanks and line ends around it, and without the NUL that ends it in a device
// tree.
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

// HostFacts are the facts of the machine that every recipe reads as host.NAME, and their type.
func HostFacts() (map[string]any, value.Type, error) {
	facts, err := value.FromStruct(host.Read("/"))
	return facts, host.Type(), err
}

// trustedProgram refuses to run, as root, a program for a fact that a less trusted user can change. What
// cannot be found is told by its start.
func trustedProgram(fact, name string, environment []string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	path := name
	if !strings.Contains(name, "/") {
		found, err := process.LookPath(name, environment)
		if err != nil {
			return nil
		}
		path = found
	}
	weak, err := trust.Find(path)
	if err != nil || weak == nil {
		return nil
	}
	return fault.New(fault.Refused, "fact-program-untrusted", "cannot run %s as root for the fact %s: %v", path, fact, weak).
		WithHint("run: %s; or install the program where only root can write; for development, set GWE_UNTRUSTED=accept", weak.Cure())
}
