package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// ManPage is one page of the manual, in roff.
type ManPage struct {
	// Name is that of its file: "gwe-run.1".
	Name string
	Text string
}

// ManPages are the pages of section 1: gwe.1, and one for each command that is listed. They are made of what
// --help shows.
func ManPages(release string, day time.Time) []ManPage {
	header := func(name string) *page {
		p := &page{}
		p.line(`.TH "%s" 1 "%s" "%s" "%s"`, quoted(strings.ToUpper(name)), day.UTC().Format(time.DateOnly), quoted("gwe "+release), "gwe")
		p.line(".nh\n.ad l") // no word of a command is broken
		return p
	}
	pages := []ManPage{{"gwe.1", header("gwe").overview()}}
	for _, one := range commands() {
		if !one.hidden {
			name := manName(one.name)
			pages = append(pages, ManPage{name + ".1", header(name).command(one)})
		}
	}
	return pages
}

// manName is the name of a command's page: "gwe-keys-new".
func manName(command string) string { return "gwe-" + strings.ReplaceAll(command, " ", "-") }

// page is a page that is being written.
type page struct{ strings.Builder }

func (p *page) line(format string, values ...any) { fmt.Fprintf(p, format+"\n", values...) }

func (p *page) overview() string {
	p.line(".SH NAME\ngwe \\- %s", escaped("updates a Linux machine by a recipe, or rolls it back"))
	p.line(".SH SYNOPSIS\n.B gwe\n.I COMMAND\n[flags] [operands]")
	p.line(".SH DESCRIPTION")
	p.text(about)
	p.line(".SH COMMANDS")
	var names []string
	for _, one := range commands() {
		if !one.hidden {
			p.line(".TP\n.BR %s (1)\n%s", escaped(manName(one.name)), escaped(capital(one.summary)+"."))
			names = append(names, manName(one.name))
		}
	}
	p.line(".SH GLOBAL FLAGS")
	p.flags(globalFlagSet())
	p.line(".SH EXAMPLES")
	p.text(overviewExamples)
	p.line(".SH EXIT STATUS")
	for _, one := range explainedExits {
		p.line(".TP\n.B %s\n%s", escaped(one.code), escaped(capital(one.meaning)+"."))
	}
	p.line(".SH FILES")
	for _, one := range [][2]string{
		{defaultKeyring, "Public keys whose signatures gwe trusts."},
		{"/var/lib/gwe", "Runs, their journals and undo data, of root."},
		{"/var/cache/gwe", "The cache of downloads, and partial ones, of root. It may be deleted."},
		{"/usr/lib/gwe/steps", "Plugins: step types as executables."},
	} {
		p.line(".TP\n.I %s\n%s", escaped(one[0]), escaped(one[1]))
	}
	p.seeAlso(names)
	return p.String()
}

func (p *page) command(one command) string {
	p.line(".SH NAME\n%s \\- %s", escaped(manName(one.name)), escaped(one.summary))
	p.line(".SH SYNOPSIS\n.B %s\n[flags]", escaped("gwe "+one.name))
	if one.operands != "" {
		p.line(".I %s", escaped(one.operands))
	}
	p.line(".SH DESCRIPTION")
	description, examples, _ := strings.Cut(one.help, "\nexample:\n")
	p.text(description)
	own := flagSet("gwe " + one.name)
	one.setUp(own)
	if own.HasFlags() {
		p.line(".SH FLAGS")
		p.flags(own)
	}
	p.line(".SH GLOBAL FLAGS")
	p.flags(globalFlagSet())
	p.line(".SH EXIT STATUS\n.BR gwe (1)\nlists the exit codes.")
	if examples != "" {
		p.line(".SH EXAMPLES")
		p.text("\n" + examples)
	}
	names := []string{"gwe"}
	for _, other := range commands() {
		if !other.hidden && other.name != one.name && slices.ContainsFunc([]string{"`", " ", "\n"}, func(end string) bool {
			return strings.Contains(one.help, "gwe "+other.name+end)
		}) {
			names = append(names, manName(other.name))
		}
	}
	p.seeAlso(names)
	return p.String()
}

func globalFlagSet() *pflag.FlagSet {
	flags := flagSet("gwe")
	global := globalFlags{color: "auto"}
	global.declare(flags)
	return flags
}

func (p *page) seeAlso(names []string) {
	p.line(".SH SEE ALSO")
	slices.Sort(names)
	for i, name := range names {
		p.line(".BR %s (1)%s", escaped(name), strings.Repeat(",", min(1, len(names)-1-i)))
	}
}

func (p *page) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		placeholder, usage := pflag.UnquoteUsage(flag)
		name := `\fB` + escaped("--"+flag.Name) + `\fR`
		if flag.Shorthand != "" {
			name = `\fB` + escaped("-"+flag.Shorthand) + `\fR, ` + name
		}
		if placeholder != "" {
			name += ` \fI` + escaped(placeholder) + `\fR`
		}
		if flag.Value.Type() == "string" && flag.DefValue != "" { // a number may be that of this machine
			usage += " (default " + flag.DefValue + ")"
		}
		p.line(".TP\n%s\n%s", name, prose(capital(usage)+"."))
	})
}

// text writes a help text: paragraphs, and indented blocks as they stand.
func (p *page) text(help string) {
	lines := strings.Split(strings.Trim(help, "\n"), "\n")
	begun, first := false, true // a paragraph, and what stands right below a heading
	paragraph := func() {
		if !first {
			p.line(".PP")
		}
		first = false
	}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == "":
			begun = false
		case strings.HasPrefix(line, " "):
			end := i
			for j := i; j < len(lines) && (lines[j] == "" || strings.HasPrefix(lines[j], " ")); j++ {
				if lines[j] != "" {
					end = j
				}
			}
			paragraph()
			p.line(".RS 2\n.EX")
			for ; i < end; i++ {
				p.line("%s", escaped(strings.TrimPrefix(lines[i], "  ")))
			}
			p.line("%s\n.EE\n.RE", escaped(strings.TrimPrefix(lines[end], "  ")))
			begun = false
		default:
			if !begun {
				paragraph()
			}
			p.line("%s", prose(line))
			begun = true
		}
	}
}

// prose is text with words of commands between backticks, which become bold.
func prose(text string) string {
	parts := strings.Split(text, "`")
	for i := range parts {
		parts[i] = escaped(parts[i])
		if i%2 == 1 && i < len(parts)-1 {
			parts[i] = `\fB` + strings.TrimPrefix(parts[i], `\&`) + `\fR`
		}
	}
	return strings.Join(parts, "")
}

var roff = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`)

// escaped is text that roff shows as it stands.
func escaped(text string) string {
	text = roff.Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

// quoted is the inside of a quoted argument of a macro.
func quoted(text string) string { return strings.ReplaceAll(escaped(text), `"`, `\(dq`) }
