package plugin_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// noteArguments have every type that there is.
type noteArguments struct {
	File    value.Path        `name:"file" required:"true" help:"the file to write"`
	Text    string            `name:"text" default:"hello" enum:"hello,good bye" help:"what to write"`
	Count   int               `name:"count" default:"2" enum:"1,2" help:"how often"`
	Share   float64           `name:"share" default:"0.5" help:"a share"`
	Loud    bool              `name:"loud" help:"whether to shout"`
	Wait    value.Duration    `name:"wait" default:"1m30s" help:"a time"`
	Size    value.Size        `name:"size" default:"3KiB" help:"a size"`
	From    *value.URL        `name:"from" help:"a URL"`
	Version value.Version     `name:"version" default:"1.10.0" help:"a version"`
	Token   *value.Secret     `name:"token" help:"a secret"`
	Env     map[string]string `name:"env" secrets:"true" help:"variables"`
	Names   []string          `name:"names" default:"[a, b]" help:"names"`
	Script  string            `name:"script" literal:"true" help:"a script"`
	Any     any               `name:"any" help:"anything"`
}

type noteMemo struct{ Old []byte }

type noteOutputs struct {
	Found bool           `name:"found" help:"whether there was one"`
	Old   *string        `name:"old" present:"found" help:"what was there"`
	Token value.Secret   `name:"token" help:"the token"`
	Names []string       `name:"names" help:"the names"`
	Wait  value.Duration `name:"wait" help:"the time"`
	Bytes string         `name:"bytes" help:"bytes that are not UTF-8"`
}

type noteAction struct{}

// note is a step type whose every part is seen on the other side.
func note() step.Type {
	return step.New(step.About{
		Name: "note", Summary: "Write a note", Doc: "It is for tests.", Example: "note: { file: /a }\n", Scalar: "file",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "file"}}, Undo: "the old file comes back", Repeatable: true,
	}, noteAction{})
}

func (noteAction) Plan(_ context.Context, machine step.Machine, arguments noteArguments) (step.Plan, error) {
	_, err := machine.Lstat(string(arguments.File))
	return step.Plan{
		Do: []string{"write " + string(arguments.File)}, Undo: []string{"put it back"}, Space: map[string]int64{"/": 5},
		Outputs: map[string]any{"found": err == nil},
	}, nil
}

func (noteAction) Prepare(_ context.Context, run *step.Run, arguments noteArguments) (noteMemo, error) {
	old, err := os.ReadFile(string(arguments.File))
	if err != nil {
		return noteMemo{}, fault.New(fault.Refused, "no-file", "there is no file").WithCause(err).WithHint("make one")
	}
	return noteMemo{old}, os.WriteFile(filepath.Join(run.Directory, "kept"), old, 0o600)
}

func (noteAction) Do(_ context.Context, run *step.Run, arguments noteArguments, memo noteMemo) (noteOutputs, error) {
	run.Log.Info("writing")
	run.Log.Begin("step", "inner").Warn("careful")
	run.Log.Progress(1, 2, "bytes")
	old := string(memo.Old)
	token := value.NewSecret("none")
	if arguments.Token != nil {
		token = value.NewSecret(arguments.Token.Reveal() + "!")
	}
	text := strings.Repeat(arguments.Text, arguments.Count) + strings.Join(run.Environment, ",") + arguments.Env["A"]
	err := os.WriteFile(string(arguments.File), []byte(text), 0o600)
	return noteOutputs{Found: true, Old: &old, Token: token, Names: arguments.Names, Wait: arguments.Wait, Bytes: "a\xff\x00"}, err
}

func (noteAction) Undo(_ context.Context, run *step.Run, arguments noteArguments, _ noteMemo) error {
	kept, err := os.ReadFile(filepath.Join(run.Directory, "kept"))
	if err != nil {
		return err
	}
	return os.WriteFile(string(arguments.File), kept, 0o600)
}

func (noteAction) Leases(arguments noteArguments, _ noteMemo) []string {
	return []string{string(arguments.File)}
}

func (noteAction) Release(_ context.Context, _ *step.Run, arguments noteArguments, _ noteMemo) error {
	return &step.Leftover{Err: os.Remove(string(arguments.File) + ".none")}
}

// A Go step type and the same type served by a plugin are one and the same.
func TestServedType(t *testing.T) {
	served, own := describe(t, install(t, "note")), note()
	if !reflect.DeepEqual(served.About(), own.About()) {
		t.Errorf("about: got %+v", served.About())
	}
	for i, field := range served.Arguments().Fields {
		want := own.Arguments().Fields[i]
		want.Optional = !want.Required && want.Default == "" // there is no zero value in JSON Schema, only absence
		if want.Name == "names" {
			want.Default = `["a","b"]`
		}
		if !reflect.DeepEqual(field, want) {
			t.Errorf("argument: got %+v, want %+v", field, want)
		}
	}
	if !reflect.DeepEqual(served.Outputs(), own.Outputs()) {
		t.Errorf("outputs: got %+v", served.Outputs())
	}
	if served.Verifies() || !served.Releases() {
		t.Error("it verifies, or does not release")
	}

	kept := &recorded{}
	run := running(t, kept)
	run.Environment = []string{"GWE_RUN_ID=7"}
	file := filepath.Join(t.TempDir(), "file")
	arguments := map[string]any{"file": file, "token": value.NewSecret("s3cret"), "env": map[string]any{"A": "\xfe"}}
	_, err := served.Prepare(t.Context(), run, arguments)
	if f := fault.As(err); f == nil || f.Code != "note-no-file" || f.Class != fault.Refused || f.Hint != "make one" {
		t.Errorf("prepare without a file: %v", err)
	}
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := served.Plan(t.Context(), step.Local{}, arguments)
	want, _ := own.Plan(t.Context(), step.Local{}, arguments)
	if err != nil || !reflect.DeepEqual(plan, want) {
		t.Errorf("plan: got %+v, %v", plan, err)
	}
	memo, err := served.Prepare(t.Context(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := served.Do(t.Context(), run, arguments, memo)
	if err != nil {
		t.Fatal(err)
	}
	wait, _ := value.ParseDuration("1m30s")
	if got := outputs["token"].(value.Secret).Reveal(); got != "s3cret!" {
		t.Errorf("the secret came back as %q", got)
	}
	delete(outputs, "token")
	if want := map[string]any{"found": true, "old": "before", "names": []any{"a", "b"}, "wait": wait, "bytes": "a\xff\x00"}; !reflect.DeepEqual(outputs, want) {
		t.Errorf("outputs: got %#v", outputs)
	}
	if text, _ := os.ReadFile(file); string(text) != "hellohelloGWE_RUN_ID=7\xfe" {
		t.Errorf("do wrote %q", text)
	}
	if want := []string{"info: writing", "info: inner", "warning: careful"}; !reflect.DeepEqual(kept.lines, want) {
		t.Errorf("logged: %q", kept.lines)
	}
	if leases, err := served.Leases(arguments, memo); err != nil || !reflect.DeepEqual(leases, []string{file}) {
		t.Errorf("leases: %v, %v", leases, err)
	}
	if err := served.Undo(t.Context(), run, arguments, memo); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "before" {
		t.Errorf("undo left %q", text)
	}
	if err := served.Release(t.Context(), run, arguments, memo); fault.As(err) == nil || fault.As(err).Code != "note-internal" {
		t.Errorf("release: %v", err)
	}
	if err := served.Verify(t.Context(), run, arguments, json.RawMessage(`{}`)); err != nil {
		t.Errorf("verify is not served, and still: %v", err)
	}
}

// Without a live plugin the plan is made of the description, and the plugin may be absent.
func TestPlanOfTheDescription(t *testing.T) {
	path := install(t, "note")
	describe(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	opened, err := plugin.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := opened.Plan(t.Context(), nil, map[string]any{"file": "/a", "token": value.NewSecret("s3cret"), "script": "one\ntwo"})
	if err != nil || len(plan.Do) != 1 || !strings.Contains(plan.Do[0], "note file=/a text=hello") || strings.Contains(plan.Do[0], "s3cret") ||
		!strings.Contains(plan.Do[0], "script=one...") || !reflect.DeepEqual(plan.Undo, []string{"the old file comes back"}) {
		t.Errorf("got %+v, %v", plan, err)
	}
	if _, err := opened.Prepare(t.Context(), running(t, &recorded{}), map[string]any{"file": "/a"}); fault.As(err) == nil || fault.As(err).Code != "plugin-missing" {
		t.Errorf("got %v", err)
	}
}
