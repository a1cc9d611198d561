package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"text/template"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Template is the step type template.
func Template() step.Type {
	return step.New(step.About{
		Name:    "template",
		Summary: "Write a file from a template and values",
		Doc:     templateDoc,
		Example: `template:
  from: /opt/firmware/current/etc/site.conf.tmpl
  to: /etc/firmware/site.conf
  values: { host: gateway-1, ports: [80, 443] }
  mode: "0640"
`,
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "to"}},
		Undo:     "puts the old file back, or removes the new one",
		UndoData: placement.UndoData,

		MakesDirectory: true,
	}, rendering{placement.Action[templateArguments, templateMemo]{Verb: "template"}})
}

const templateDoc = `The file at from is a template of Go (text/template), as Helm's users know them: {{ .host }} is a value, {{ range .ports }} goes
through a list, {{ .host | upper | quote }} calls functions. They are sprig's, with sprig's order of arguments, as far as expressions
have them too: none that is random, asks the clock, the network or the environment, or makes keys. A value that is not given is
an error ("missingkey=error"), never "<no value>".

values are read as they are: durations, sizes and versions as their text. Nothing else of the recipe can be seen in the
template. It is at most 1MiB, and what comes of it at most 16MiB.

The result is written as write does: to a hidden file beside to, made durable, and renamed over it. A file that is already
as wanted is left alone. mode and owner are the old file's where they are left out, else 0644 and the one gwe runs as.

Undo puts the old file itself back, with its times and links, or removes the file where there was none. It does not need the
template.`

const (
	largestTemplate = 1 << 20
	largestRendered = 16 << 20
	// renderedName is the file in Run.Directory that holds what was rendered: undo knows the file by it.
	renderedName = "rendered"
)

type rendering struct {
	placement.Action[templateArguments, templateMemo]
}

// templateArguments are what a recipe gives.
type templateArguments struct {
	From   value.Path     `name:"from" required:"true" help:"the template"`
	To     value.Path     `name:"to" required:"true" help:"the file to write"`
	Values map[string]any `name:"values" secrets:"true" readers:"mode" help:"what the template can read, by name"`
	Mode   string         `name:"mode" pattern:"[0-7]{3,4}" help:"octal digits in quotes; where it is left out, 0600 for values with a secret, else the old file's, or 0644"`
	Owner  string         `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number; where it is left out, the old file's, or the one gwe runs as"`
}

// templateMemo is what the undo needs.
type templateMemo struct{ placement.Placement }

func (a templateArguments) resolve(ctx context.Context, machine step.Machine, secrets step.Secrets) (want wanted, info fs.FileInfo, err error) {
	content, err := a.render(ctx, secrets)
	if err != nil {
		return want, nil, err
	}
	return resolve(machine, "template", a.To, a.Mode, a.Owner, content)
}

// undefined finds the name in text/template's words for a function that is not there.
var undefined = regexp.MustCompile(`function "(\w+)" not defined`)

// render gives the text. What an error shows of a secret, or of what the template makes of one, the engine
// masks.
func (a templateArguments) render(ctx context.Context, secrets step.Secrets) ([]byte, error) {
	path, err := placement.Absolute(a.From)
	if err != nil {
		return nil, err
	}
	text, err := readTemplate(path)
	if err != nil {
		return nil, err
	}
	functions := expression.TemplateFunctions(nil, nil)
	if secrets != nil {
		var computed []string
		functions = expression.TemplateFunctions(secrets.Holds, func(text string) { computed = append(computed, text) })
		defer func() {
			for _, text := range computed {
				secrets.Computed(text)
			}
		}()
	}
	parsed, err := template.New(filepath.Base(path)).Option("missingkey=error").Funcs(functions).Parse(string(text))
	if err != nil {
		broken := fault.New(fault.Failed, "template-invalid", "%s is not a proper template", path).WithCause(err)
		if found := undefined.FindStringSubmatch(err.Error()); found != nil {
			if reason, left := expression.LeftOut(found[1]); left {
				return nil, broken.WithHint("the function %s is left out: %s", found[1], reason)
			}
			return nil, broken.WithHint("the functions are sprig's; docs/expressions.md lists them")
		}
		return nil, broken.WithHint("correct it there")
	}
	out := bounded{ctx: ctx}
	if err := parsed.Execute(&out, plainValues(a.Values)); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, errTooLong) {
			return nil, fault.New(fault.Failed, "template-too-long", "%s makes more than 16MiB", path).WithHint("see its loops")
		}
		return nil, fault.New(fault.Failed, "template-failed", "%s cannot be rendered", path).WithCause(err).
			WithHint("give what it reads under values, or correct it at the line that is named")
	}
	return out.text.Bytes(), nil
}

func readTemplate(path string) ([]byte, error) {
	source, err := follow(path)
	if step.IsParentChanged(err) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.Failed, "template-missing", "there is no template at %s", path).
			WithHint("see what is there: ls -l %s", filepath.Dir(path)).WithCause(err)
	}
	defer source.Close()
	if info, err := source.Lstat(); err != nil || info == nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.Refused, "template-not-a-file", "the template %s is not a regular file", path).WithHint("name a file").WithCause(err)
	}
	file, err := source.Dir.Open(source.Name)
	if err != nil {
		return nil, durable.Explain(err, "cannot read the template %s", path)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestTemplate+1))
	if err != nil {
		return nil, durable.Explain(err, "cannot read the template %s", path)
	}
	if len(text) > largestTemplate {
		return nil, fault.New(fault.Refused, "template-too-long", "the template %s is longer than 1MiB", path).
			WithHint("copy what has no {{ }} in it by the step type copy")
	}
	return text, nil
}

// plainValues gives durations, sizes and versions as text: a template knows texts, numbers, booleans, lists
// and maps.
func plainValues(given map[string]any) map[string]any {
	values := make(map[string]any, len(given))
	for name, v := range given {
		values[name] = plainValue(v)
	}
	return values
}

func plainValue(v any) any {
	switch typed := v.(type) {
	case map[string]any:
		return plainValues(typed)
	case []any:
		list := make([]any, 0, len(typed))
		for _, element := range typed {
			list = append(list, plainValue(element))
		}
		return list
	case fmt.Stringer:
		return value.Text(typed)
	}
	return v
}

var errTooLong = errors.New("the result is too long")

// bounded keeps the result, as long as it is wanted and not too long.
type bounded struct {
	ctx  context.Context
	text bytes.Buffer
}

func (b *bounded) Write(part []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.text.Len()+len(part) > largestRendered {
		return 0, errTooLong
	}
	return b.text.Write(part)
}

func (rendering) Plan(ctx context.Context, machine step.Machine, arguments templateArguments) (step.Plan, error) {
	want, info, err := arguments.resolve(ctx, machine, step.SecretsOf(machine))
	if err != nil {
		return step.Plan{}, missing(err, arguments.From)
	}
	return want.plan(machine, info), nil
}

func (rendering) Prepare(ctx context.Context, run *step.Run, arguments templateArguments) (templateMemo, error) {
	machine := placement.Looking(run)
	want, info, err := arguments.resolve(ctx, machine, run.Secrets)
	if err != nil || want.satisfied(machine, info) {
		return templateMemo{}, err
	}
	placed, err := placement.New(want.path, run, info)
	return templateMemo{placed}, err
}

func (rendering) Do(ctx context.Context, run *step.Run, arguments templateArguments, memo templateMemo) (changed, error) {
	if err := ctx.Err(); err != nil || memo.New == "" {
		return changed{}, err
	}
	want, _, err := arguments.resolve(ctx, placement.Looking(run), run.Secrets)
	if err != nil {
		return changed{}, err
	}
	if err := run.MakeDirectory(); err != nil {
		return changed{}, err
	}
	if err := durable.WriteNote(filepath.Join(run.Directory, renderedName), want.content); err != nil {
		return changed{}, err
	}
	if err := memo.Write(run, want.content, want.mode, want.uid, want.gid); err != nil {
		return changed{}, err
	}
	return changed{Changed: true}, memo.Put(ctx, run, true)
}

func (rendering) Undo(ctx context.Context, run *step.Run, _ templateArguments, memo templateMemo) error {
	return memo.Undo(ctx, run, "template", func(now fs.FileInfo) bool {
		content, err := regular.Read(filepath.Join(run.Directory, renderedName))
		return err == nil && holdsContent(placement.Looking(run), memo.Path, now, content)
	})
}
