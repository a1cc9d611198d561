package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// foreign maps the words of other tools to ours; the first one that is known at the place is meant.
var foreign = map[string][]string{
	"description": {"summary", "help"}, "desc": {"summary", "help"}, "version": {"gwe"}, "title": {"name"}, "label": {"name"},
	"always": {"finally"}, "ensure": {"finally"}, "cleanup": {"finally"},
	"parameters": {"inputs"}, "params": {"inputs"}, "arguments": {"args", "inputs"}, "variables": {"vars", "values"}, "locals": {"vars"},
	"tasks": {"steps"}, "jobs": {"steps"}, "block": {"steps"}, "stages": {"steps"}, "if": {"when"}, "condition": {"when"}, "only-if": {"when"},
	"register": {"id"}, "ignore-errors": {"allow-failure"}, "continue-on-error": {"allow-failure"},
	"retries": {"retry", "attempts"}, "rollback": {"undo"}, "compensate": {"undo"}, "on-error": {"undo"}, "revert": {"undo"},
	"loop": {"for-each"}, "foreach": {"for-each"}, "with-items": {"for-each"}, "matrix": {"for-each"},
	"shell": {"run"}, "command": {"run", "argv"}, "cmd": {"run", "argv"}, "exec": {"run"}, "script": {"run"}, "concurrency": {"lock"},
	"shutdown": {"reboot"}, "approve": {"confirm"}, "approval": {"confirm"}, "manual": {"confirm"}, "probation": {"confirm"}, "self-update": {"hand-over"}, "handover": {"hand-over"}, "delete": {"remove"}, "file": {"write", "path", "package", "archive"}, "directory": {"mkdir", "dir"}, "folder": {"mkdir", "dir", "into"}, "fail": {"assert"},
	"exit": {"stop"}, "end": {"stop"}, "uses": {"use"}, "include": {"use"}, "import": {"use"}, "include-tasks": {"use"}, "synchronize": {"rsync"}, "ln": {"symlink"}, "link": {"symlink"}, "unarchive": {"extract"},
	"chown": {"chmod"}, "min": {"at-least"}, "free": {"at-least"}, "size": {"at-least"}, "minimum": {"at-least", "min"}, "recursive": {"parents"}, "depth": {"keep"}, "stat": {"read-link"}, "reload": {"supervisor"}, "wait": {"wait-for"}, "sleep": {"wait-for"}, "pause": {"wait-for"},
	"values": {"enum"}, "choices": {"enum"}, "options": {"enum"}, "regex": {"pattern"}, "maximum": {"max"}, "optional": {"default"},
	"count": {"attempts"}, "times": {"attempts"}, "max": {"attempts"}, "interval": {"delay"}, "backoff": {"factor"}, "multiplier": {"factor"},
	"timeout-minutes": {"timeout"}, "timeout-seconds": {"timeout"}, "deadline": {"timeout"}, "failed-when": {"until"},
	"src": {"from", "source", "archive", "package", "to"}, "source": {"from", "to"}, "origin": {"from"}, "dest": {"to", "target", "into", "path", "link"}, "destination": {"to", "target"},
	"target": {"to", "into"}, "to": {"into", "target"}, "into": {"to"}, "image": {"archive", "package"}, "tarball": {"archive", "package"}, "vars": {"values"}, "timeout": {"within", "wait"}, "path": {"link", "dir"}, "filename": {"path"}, "text": {"content", "message"}, "body": {"content"}, "data": {"content"},
	"msg": {"message"}, "working-directory": {"dir"}, "workdir": {"dir"}, "cwd": {"dir"}, "chdir": {"dir"}, "environment": {"env"}, "group": {"owner"},
	"user": {"owner"}, "permissions": {"mode"}, "perm": {"mode"}, "state": {"missing"}, "recurse": {"recursive"}, "hash": {"expected"}, "digest": {"expected"},
	"sha256": {"expected"}, "overwrite": {"replace"}, "force": {"replace"}, "key": {"keyring"}, "keys": {"keyring"}, "url": {"http"}, "port": {"tcp"},
	"host": {"tcp"}, "context": {"values"}, "ignore-missing": {"missing"}, "outputs": {"stdout"}, "exit-codes": {"ok-codes"}, "rc": {"ok-codes"},
}

// advice is what to do about words of other tools that have no counterpart here.
var advice = map[string]string{
	"restart":           "write reboot: {within: 10m} for the machine, run: {argv: [systemctl, restart, NAME]} for a service",
	"become":            "gwe runs as the user who starts it: start it as root",
	"sudo":              "gwe runs as the user who starts it: start it as root",
	"notify":            "write the step that reacts below, with a when",
	"handlers":          "write the steps where they are to run, with a when",
	"on-failure":        "a failure undoes the steps by itself, each by its undo; finally: with when: error.code != nil runs after that",
	"on-error":          "a failure undoes the steps by itself, each by its undo; finally: with when: error.code != nil runs after that",
	"delay":             "it belongs to retry: {attempts: 3, delay: 5s}",
	"working-directory": "it is dir, and belongs below run: run: {argv: [...], dir: /PATH}",
	"workdir":           "it is dir, and belongs below run: run: {argv: [...], dir: /PATH}",
	"cwd":               "it is dir, and belongs below run: run: {argv: [...], dir: /PATH}",
	"chdir":             "it is dir, and belongs below run: run: {argv: [...], dir: /PATH}",
	"hosts":             "a recipe is about the machine it runs on",
	"roles":             "write the steps into the recipe",
	"on":                "a recipe is started by gwe run, a timer or a script",
	"services":          "this looks like a file of docker compose: a recipe has steps",
	"needs":             "steps run from top to bottom: write it below what it needs",
	"depends-on":        "steps run from top to bottom: write it below what it needs",
	"changed-when":      "leave it out: a step type knows what it changed",
	"environment":       "variables belong to the step types that run a program: write env below run or hook",
	"env":               "variables belong to the step types that run a program: write env below run or hook",
	"systemd":           "write run: {argv: [systemctl, restart, NAME]}",
	"service":           "write run: {argv: [systemctl, restart, NAME]}",
	"apt":               "write run: {argv: [apt-get, install, -y, NAME]}",
	"http":              "write download: {url: URL, to: FILE} to fetch a file, or wait-for: {http: URL} to look at a service",
	"fetch":             "write download: {url: URL, to: FILE}",
	"get-url":           "write download: {url: URL, to: FILE}",
	"curl":              "write download: {url: URL, to: FILE}",
	"wget":              "write download: {url: URL, to: FILE}",
	"git":               "no step type knows git yet: write run: {argv: [git, -C, DIRECTORY, checkout, COMMIT]} with an undo that checks the old commit out",
	"docker":            "no step type knows containers yet: write run: {argv: [docker, ...]} with an undo",
	"debug":             "a step's name stands in the log: write it there",
	"echo":              "a step's name stands in the log: write it there",
	"tags":              "leave it out: a recipe runs whole",
	"runs-on":           "a recipe is about the machine it runs on",
	"with":              "arguments stand below the step's type",
	"args":              "arguments stand below the step's type",
	"import":            "write its steps into the recipe",
	"include":           "write its steps into the recipe",
	"uses":              "write its steps into the recipe",
	"<<":                "write the keys out",
	"anchors":           "an anchor stands at the value it names: vars: {a: &a [..]}",
}

// folded is a word as foreign and advice write it.
func folded(word string) string { return strings.ReplaceAll(strings.ToLower(word), "_", "-") }

// suggestion is the hint for a name that is not among the known ones.
func suggestion(name string, known []string) string {
	if key, value, found := strings.Cut(name, ":"); found && slices.Contains(known, key) {
		return fmt.Sprintf("write a blank after the colon: %q", key+": "+value)
	}
	if likely := meant(name, known); likely != "" {
		return fmt.Sprintf("did you mean %q?", likely)
	}
	if told := advice[folded(name)]; told != "" {
		return told
	}
	if strings.HasPrefix(name, "x-") {
		return "leave it out: a recipe has no keys of your own; an anchor may stand in vars"
	}
	if strings.Contains(name, "${{") {
		return "write the name out: a key holds no expressions"
	}
	if len(known) == 0 {
		return "leave it out"
	}
	return "expected one of: " + strings.Join(known, ", ")
}

// meant is the known name that an unknown one most likely stands for; "" where none is near.
func meant(name string, known []string) string {
	key, _, _ := strings.Cut(name, ":")
	word := folded(key)
	if dot := strings.LastIndexByte(word, '.'); dot >= 0 {
		word = word[dot+1:] // ansible.builtin.copy
		if slices.Contains(known, word) {
			return word
		}
	}
	if slices.Contains(known, "link") && slices.Contains(known, "to") && slices.Contains([]string{"dest", "name", "from"}, word) {
		return "link"
	}
	for _, ours := range foreign[word] {
		if slices.Contains(known, ours) {
			return ours
		}
	}
	return value.Closest(key, known)
}

// unknownStepKey reports a key that a step does not have. Often it is an argument that stands beside its step
// type.
func (p *parser) unknownStepKey(key Scalar, fields Map) {
	acts := false
	for _, entry := range fields.Entries {
		acts = acts || p.acts(entry.Key.Text)
		if stepType, ok := p.catalog.Find(entry.Key.Text); ok && len(p.diagnostics) <= maxDiagnostics {
			if _, argument := stepType.Arguments().Field(key.Text); argument {
				p.fail(key.Span, "unknown-key", fmt.Sprintf("a step has no key %s", quote(key.Text)),
					fmt.Sprintf("%s is an argument of %s: indent it below %s:", key.Text, entry.Key.Text, entry.Key.Text))
				p.withdraw("no-value", entry.Key.Line) // its arguments are there
				return
			}
		}
	}
	known := p.stepKeys()
	value, _ := fields.Get(key.Text)
	cured := ""
	if !acts || slices.Contains([]string{"retries", "on-failure", "on-error"}, folded(key.Text)) {
		cured = p.rewritten(Entry{Key: key, Value: value})
	}
	if likely := meant(key.Text, p.catalog.Names()); cured == "" && !acts && likely != "" && nested(value) {
		cured = fmt.Sprintf("did you mean %q?", likely)
	}
	if cured != "" {
		p.fail(key.Span, "unknown-key", fmt.Sprintf("a step has no key %s", quote(key.Text)), cured)
		return
	}
	if scalar, ok := value.(Scalar); ok && !acts && scalar.Kind == Text && !scalar.Dynamic && meant(key.Text, known) == "" && advice[folded(key.Text)] == "" && programName.MatchString(key.Text) {
		p.fail(key.Span, "unknown-key", fmt.Sprintf("a step has no key %s, and there is no step type of that name", quote(key.Text)),
			fmt.Sprintf("`gwe steps` lists the step types; a program is run by run: {argv: [%s]}", strings.Join(append([]string{key.Text}, strings.Fields(scalar.Text)...), ", ")))
		return
	}
	if meant(key.Text, known) == "" && advice[folded(key.Text)] == "" && !strings.ContainsAny(key.Text, ":$") {
		p.fail(key.Span, "unknown-key", fmt.Sprintf("a step has no key %s, and there is no step type of that name", quote(key.Text)),
			fmt.Sprintf("beside its action a step has %s; `gwe steps` lists the step types", strings.Join(modifiers, ", ")))
		return
	}
	p.unknownKey(key, "a step", known)
}

// programName is what a program may be called.
var programName = regexp.MustCompile(`^[a-z][a-z0-9_.+-]*$`)

func nested(node Node) bool { _, ok := node.(Map); return ok }

// acts reports whether the key is what a step does.
func (p *parser) acts(key string) bool {
	return p.known(key) || suspends(key) || slices.Contains([]string{"commit", "stop", "steps", "parallel", "use"}, key)
}

// withdraw takes back what was said of a line, where the cure of another problem is that one's too.
func (p *parser) withdraw(rule string, line int) {
	p.diagnostics = slices.DeleteFunc(p.diagnostics, func(said Diagnostic) bool { return said.Rule == rule && said.Line == line })
}

// listHint says how to make the list of steps that a mapping was written for.
func (p *parser) listHint(node Node) string {
	given, ok := node.(Map)
	if !ok || len(given.Entries) == 0 {
		return `start each step with "- "`
	}
	first := given.Entries[0]
	name := first.Key.Text
	switch _, nested := first.Value.(Map); {
	case strings.HasPrefix(name, "-"):
		return fmt.Sprintf("write a blank after the dash: \"- %s:\"", strings.TrimLeft(name, "-"))
	case slices.Contains(p.stepKeys(), name):
		return fmt.Sprintf("start each step with a dash: \"- %s: ...\"", name)
	case nested && snake(name) != "":
		return fmt.Sprintf("steps are a list, and a step's name is its id: \"- id: %s\"", snake(name))
	}
	return `start each step with "- "`
}

// choiceOf shows words as arguments, the first of which is a value that one takes: restart app.
func choiceOf(words []string, fields value.Type) string {
	written, _ := asChoice(Entry{Key: Scalar{Text: words[0]}, Value: List{Items: scalars(words[1:])}}, fields)
	return written
}

func scalars(words []string) []Node {
	var all []Node
	for _, word := range words {
		all = append(all, Scalar{Text: word})
	}
	return all
}

// scalarHint says how to write the arguments that somebody gave as one text.
func scalarHint(stepType step.Type, text string) string {
	name := stepType.About().Name
	fields := stepType.Arguments()
	words := strings.Fields(text)
	_, argv := fields.Field("argv")
	_, script := fields.Field("script")
	switch {
	case len(words) > 0 && choiceOf(words, fields) != "":
		return fmt.Sprintf("write %s: {%s}", name, choiceOf(words, fields))
	case argv && script && strings.Contains(strings.TrimSpace(text), "\n"):
		return fmt.Sprintf("write the text below %s: with script: |", name)
	case argv && len(words) > 0 && !strings.ContainsAny(text, "|&;<>$`*\"'"):
		return fmt.Sprintf("write %s: {argv: [%s]}", name, strings.Join(words, ", "))
	case script:
		return fmt.Sprintf("write %s: {script: %s}", name, quoted(strings.TrimSpace(text)))
	}
	required := slices.DeleteFunc(slices.Clone(fields.Fields), func(field value.Field) bool { return !field.Required })
	if len(required) == 1 && required[0].Type.Kind == value.KindBool {
		if !strings.HasPrefix(strings.TrimSpace(text), "${{") {
			text = "${{ " + text + " }}"
		}
		return fmt.Sprintf("write %s: {%s: %s}", name, required[0].Name, quoted(text))
	}
	return shape(name, fields)
}
