package supervisor

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
)

// option is one line of a section, with the lines that continue it.
type option struct {
	name  string
	lines []string
}

// appName is what a program may be called: no path, no part of a name of supervisord's, nothing that it would
// expand.
var appName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$`)

// checkApp refuses names that would lead out of the directory, or say something else to supervisord.
func checkApp(name string) error {
	if appName.MatchString(name) {
		return nil
	}
	return fault.New(fault.Refused, "supervisor-conf-app-invalid", "%q is not a name for a program", name).
		WithHint("a name has letters, digits and _ . + - only, and starts with a letter, a digit or _")
}

// parseConf reads an app's supervisor.conf as supervisord's own parser would: exactly one section,
// [supervisord]. What the parser might read otherwise is refused.
func parseConf(text []byte) ([]option, error) {
	if !utf8.Valid(text) {
		return nil, invalidConf(0, "is not UTF-8")
	}
	var options []option
	section, open := false, false
	for i, line := range strings.Split(strings.TrimPrefix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\ufeff"), "\n") {
		number := i + 1
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, invalidConf(number, "holds a control character")
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == ';' || trimmed[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if !open {
				return nil, invalidConf(number, "continues nothing: an option starts at the margin")
			}
			last := &options[len(options)-1]
			last.lines = append(last.lines, trimmed)
		case trimmed[0] == '[':
			if section || trimmed != "[supervisord]" {
				return nil, invalidConf(number, "has a section beside the one that there may be, [supervisord]")
			}
			section = true
		case !section:
			return nil, invalidConf(number, "is above the section [supervisord]")
		default:
			name, given, err := splitOption(number, trimmed)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(options, func(other option) bool { return other.name == name }) {
				return nil, invalidConf(number, "gives "+name+" a second time")
			}
			options, open = append(options, option{name, []string{given}}), true
		}
	}
	if !section {
		return nil, invalidConf(0, "has no section [supervisord]")
	}
	return options, nil
}

func splitOption(number int, line string) (name, given string, err error) {
	end := strings.IndexAny(line, "=:")
	if end < 0 {
		return "", "", invalidConf(number, "is not an option: there is no =")
	}
	name = strings.ToLower(strings.TrimSpace(line[:end]))
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }) {
		return "", "", invalidConf(number, "is not an option: its name may hold letters, digits and _ only")
	}
	return name, strings.TrimSpace(line[end+1:]), nil
}

func invalidConf(line int, problem string) error {
	const code = "supervisor-conf-invalid"
	const hint = "write one section [supervisord] with the options of a program: command=/opt/app/bin/app"
	if line == 0 {
		return fault.New(fault.Refused, code, "the app's supervisor.conf %s", problem).WithHint(hint)
	}
	return fault.New(fault.Refused, code, "line %d of the app's supervisor.conf %s", line, problem).WithHint(hint)
}

// render writes the section of the program: the app's own values first, then the defaults that it leaves
// open. A value's further lines are indented, so that none can begin an option or a section.
func render(app string, options []option) []byte {
	var text strings.Builder
	text.WriteString("[program:" + app + "]\n")
	for _, one := range slices.Concat(options, defaults(app, options)) {
		text.WriteString(strings.TrimRight(one.name+" = "+one.lines[0], " ") + "\n")
		for _, line := range one.lines[1:] {
			text.WriteString("    " + line + "\n")
		}
	}
	return []byte(text.String())
}

// defaults are the older system's, as far as the app does not say otherwise. Its command is a placeholder
// that fails.
func defaults(app string, options []option) []option {
	all := []option{
		{"command", []string{"command"}},
		{"stdout_logfile", []string{"/var/log/" + app + ".log"}},
		{"redirect_stderr", []string{"true"}},
		{"stdout_logfile_maxbytes", []string{"200KB"}},
		{"stdout_logfile_backups", []string{"1"}},
	}
	return slices.DeleteFunc(all, func(byDefault option) bool {
		return slices.ContainsFunc(options, func(own option) bool { return own.name == byDefault.name })
	})
}
