package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
)

// The secret of these tests is in nothing else, and neither is what any function makes of it.
const theToken = `Xq7#"horse/Battery+staple"&`

// computation is what one expression or template makes of the secret.
type computation struct {
	source string
	texts  []string
}

// TestWhatIsComputedFromASecretShowsNowhere goes through the functions of the expression language, with the
// secret in the place of each argument that can hold it, gives the results to a program that prints them, and
// looks for them in all that gwe says and keeps. A function that comes later is covered without a change
// here.
func TestWhatIsComputedFromASecretShowsNowhere(t *testing.T) {
	t.Parallel()
	computed := computations(t)
	computed = append(computed, templated(t)...)
	d := newDevice(t)
	check(d, os.WriteFile(d.root+"/token", []byte(theToken), 0o600))
	var recipe strings.Builder
	recipe.WriteString("gwe: 1\nname: secrets\ninputs: { token: { type: secret, required: true } }\nsteps:\n")
	var content strings.Builder
	variables := ""
	for i, one := range computed {
		if strings.HasPrefix(one.source, "{{") {
			fmt.Fprintf(&content, "%s\n", one.source)
		} else {
			variables += fmt.Sprintf("        V%d: %s\n", i, quotedYAML("${{ "+one.source+" }}"))
		}
	}
	check(d, os.WriteFile(d.root+"/in.tmpl", []byte(content.String()), 0o644))
	fmt.Fprintf(&recipe, "  - template: { from: %s/in.tmpl, to: %s/out, values: { token: \"${{ inputs.token }}\" } }\n", d.root, d.root)
	fmt.Fprintf(&recipe, "  - id: printed\n    run:\n      script: |\n        env | grep -v ^GWE_\n        cat %s/out\n        env >&2\n        cat /proc/[0-9]*/cmdline > %s/cmdlines\n        sleep 0.2\n      env:\n%s      max-output: 256KiB\n    effects: none\n",
		d.root, d.root, variables)
	fmt.Fprintf(&recipe, "  - run: { script: \"env > %s/environment\" }\n    effects: none\n", d.root)
	fmt.Fprintf(&recipe, "  - run: { script: \"cat %s/out >&2; exit 1\" }\n    undo: [ { run: { argv: [cat, %s/out] } } ]\n    when: \"steps.printed.exit_code == 0\"\n", d.root, d.root)
	recipe.WriteString("finally:\n  - run: { argv: [echo, \"${{ steps.printed.stdout ?? '' }}\"] }\n")
	path := d.recipe("secrets.yaml", recipe.String())

	told := map[string]string{}
	said := func(name string, arguments ...string) {
		told[name] = d.gwe(arguments...).text
	}
	with := []string{path, "-i", "token=@" + d.root + "/token"}
	said("plan", append([]string{"plan", "--output", "json"}, with...)...)
	said("plan for people", append([]string{"plan"}, with...)...)
	said("run", append([]string{"--output", "plain", "run", "-v"}, with...)...)
	if !strings.Contains(told["run"], "V0=") || !strings.Contains(told["run"], "rolled back") {
		t.Fatalf("the run printed nothing:\n%.3000s", told["run"])
	}
	said("events", append([]string{"--output", "json", "run"}, with...)...)
	said("terminal", append([]string{"--output", "tree", "run", "-v"}, with...)...)
	said("show", "show")
	said("show as JSON", "show", "--output", "json")
	said("log", "log")
	said("log as JSON", "log", "--output", "json")
	check(d, filepath.WalkDir(d.state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) == "secrets" {
			return err
		}
		text, err := os.ReadFile(path)
		told[path] = string(text)
		return err
	}))
	for _, name := range []string{"cmdlines", "environment"} {
		text, err := os.ReadFile(filepath.Join(d.root, name))
		check(d, err)
		told[name] = string(text)
	}
	for where, text := range told {
		leaks := 0
		for _, one := range computed {
			for _, secret := range append(one.texts, theToken, "horse/Battery") {
				if at := strings.Index(text, secret); at >= 0 && leaks < 5 {
					leaks++
					t.Errorf("%s shows %q, which is %s: %q", where, secret, one.source, text[max(0, at-60):min(len(text), at+len(secret)+60)])
				}
			}
		}
	}
	t.Logf("%d expressions, %d places", len(computed), len(told))
}

func quotedYAML(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// arguments are texts of the language for each type of a parameter. The secret is written @.
func arguments(t string) []string {
	switch t {
	case "string":
		return []string{`@`, `".*"`, `"/"`}
	case "int", "N", "float":
		return []string{`2`, `len(@)`}
	case "bool":
		return []string{`true`, `@ != ""`}
	case "version":
		return []string{`version("1.2.3")`}
	case "list<any>", "list<T>", "list<string>", "list<scalar>":
		return []string{`["a", @]`, `["a", "b"]`}
	case "list<N>":
		return []string{`[len(@), 123456]`}
	case "map<any>", "map<string>", "map<T>":
		return []string{`{"a": @}`, `{"b": "c"}`}
	case "nested", "list<list<T>>":
		return []string{`[["a", @]]`}
	case "untyped":
		return []string{`fromJson(toJson([@]))`}
	}
	return []string{`@`, `"x"`, `["a", @]`, `{"a": @}`, `123456`}
}

var signature = regexp.MustCompile(`^(\w+)\((.*)\) \S+$`)

// calls are calls of a function by its signature, each with every choice of arguments, up to a bound.
func calls(text string) []string {
	parts := signature.FindStringSubmatch(text)
	if parts == nil {
		return nil
	}
	all := []string{""}
	if parts[2] == "string" {
		all = []string{`@`, `toJson([@])`, `b64enc(@)`, `b32enc(@)`, `urlquery(@)`}
	} else if parts[2] != "" {
		for i, parameter := range strings.Split(parts[2], ", ") {
			var more []string
			for _, before := range all {
				for _, one := range arguments(strings.TrimRight(parameter, "?.")) {
					more = append(more, strings.TrimPrefix(before+", "+one, ", "))
				}
			}
			if optional := strings.HasSuffix(parameter, "?"); optional && i > 0 {
				more = append(more, all...)
			}
			all = more
		}
	}
	for i := range all {
		all[i] = parts[1] + "(" + all[i] + ")"
	}
	return all
}

// computations are expressions that make texts of the secret: calls of all functions, alone and one in
// another; closures; operators.
func computations(t *testing.T) []computation {
	t.Helper()
	sources := []string{
		`@ + "-suffix"`, `"prefix-" + @`, `@[0:9]`, `@[3:]`, `let up = upper(@); up + up`, `@ != "" ? "yes-" + @ : "no"`, `{"user": "u", "pass": @}`, `["u", @ + "!"]`,
		`[@, @] | join("|") | b64enc()`, `b64enc(b64enc(upper(@)))`, `toJson({"a": {"b": [lower(@)]}})`, `toJson(inputs)`, `inputs["token"] + "."`, `sha256sum(@ + "salt")`, `fromJson(toJson([upper(@)]))[0]`,
	}
	for _, name := range expression.Closures() {
		for _, body := range []string{`# != "a"`, `upper(#)`, `len(#) * 100003`, `# + #acc`} {
			sources = append(sources, name+`(["a", @], `+body+`)`, name+`(["a", @], `+body+`, "")`, name+`(split(@, "o"), `+body+`)`)
		}
		sources = append(sources, name+`(["a", @])`)
	}
	functions := map[string]bool{}
	for _, one := range expression.Signatures() {
		for _, call := range calls(one) {
			sources = append(sources, call, call+` ?? "absent"`)
		}
		functions[signature.FindStringSubmatch(one)[1]] = false
	}
	scope := expression.NewScope().With("inputs", value.Object(value.Field{Name: "token", Type: value.Of(value.KindSecret), Required: true})).AllowSecrets()
	names := map[string]any{"inputs": map[string]any{"token": value.NewSecret(theToken)}}
	var all []computation
	seen := map[string]bool{}
	for _, source := range sources {
		if !strings.Contains(source, "@") && !strings.Contains(source, "inputs") {
			continue
		}
		source = strings.ReplaceAll(source, "@", "inputs.token")
		var texts []string
		for _, whole := range []string{source, "toJson([" + source + "])"} {
			compiled, problems := expression.Compile(whole, scope, value.Of(value.KindAny))
			if len(problems) > 0 {
				break
			}
			result, err := compiled.Evaluate(names)
			if err != nil {
				break
			}
			if name, _, ok := strings.Cut(source, "("); ok {
				functions[name] = true
			}
			texts = append(texts, longTexts(result)...)
			switch result.(type) {
			case []any, map[string]any: // only its text can be handed to a program
				continue
			}
			if texts = slices.DeleteFunc(texts, func(text string) bool { return seen[text] }); len(texts) > 0 {
				all = append(all, computation{whole, texts})
			}
			for _, text := range texts {
				seen[text] = true
			}
		}
	}
	for name, covered := range functions {
		if !covered && !slices.Contains(uncovered, name) {
			t.Errorf("no call of %s is tried: let arguments have what it takes", name)
		}
	}
	return all
}

// uncovered take no text, or nothing that a secret can be part of.
var uncovered = []string{"fail", "duration", "seconds", "size", "bytes", "version", "semverCompare"}

// templated are the same for a template, where some functions have another order of arguments.
func templated(t *testing.T) []computation {
	t.Helper()
	sources := []string{
		`upper @ | b64enc`, `printf "%q" @`, `printf "%x" @`, `print @ "-tail"`, `html @`, `js @`, `urlquery @`, `trunc 4 @ | b64enc`, `@ | lower | replace "h" "-"`,
		`dict "a" (upper @) | toJson`, `(split "/" @)._1 | upper`,
	}
	for _, one := range slices.Concat(expression.TemplateSignatures(), expression.Signatures()) {
		for _, call := range calls(one) {
			if name, inner, _ := strings.Cut(strings.TrimSuffix(call, ")"), "("); !strings.ContainsAny(inner, "([{!") {
				sources = append(sources, name+" "+strings.ReplaceAll(inner, ",", ""))
			}
		}
	}
	var all []computation
	for _, source := range sources {
		if !strings.Contains(source, "@") {
			continue
		}
		whole := "{{ " + strings.ReplaceAll(source, "@", ".token") + " }}"
		parsed, err := template.New("t").Funcs(expression.TemplateFunctions(nil, nil)).Parse(whole)
		if err != nil {
			continue
		}
		var out strings.Builder
		if parsed.Execute(&out, map[string]any{"token": theToken}) != nil {
			continue
		}
		if texts := longTexts(out.String()); len(texts) > 0 && !strings.HasPrefix(source, "kindOf") {
			all = append(all, computation{whole, texts})
		}
	}
	return all
}

// longTexts are the texts of a result that are long enough to be masked, but for what cannot be told from
// other text.
func longTexts(v any) []string {
	var found []string
	switch v := v.(type) {
	case string:
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); len(line) >= 6 && strings.ContainsAny(line, "XxHh7%") && line != "yes-" {
				found = append(found, line)
			}
		}
	case []any:
		for _, one := range v {
			found = append(found, longTexts(one)...)
		}
	case map[string]any:
		for _, one := range v {
			found = append(found, longTexts(one)...)
		}
	}
	return found
}
