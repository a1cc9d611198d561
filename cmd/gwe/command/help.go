package command

import (
	"fmt"
	"io"
	"strings"
)

// What `gwe --help` and gwe(1) say of gwe as a whole.
const (
	about = `A recipe is a YAML file: a list of typed steps, each with its undo. Either the new version runs in the end, or the old
one does, also after a crash or a power cut, and the log says why.`

	overviewExamples = `  gwe run ota -i package=firmware-2.tar.zst.gpg     install a signed package, or roll everything back
  gwe plan ota -i package=firmware-2.tar.zst.gpg    what that would do, and how it would be undone
  gwe validate recipes/*.yaml                       check recipes without a device
  gwe recover                                       finish what a crash left; run it at boot`
)

// overview is gwe --help.
func overview(out io.Writer) {
	fmt.Fprintf(out, "gwe updates a Linux machine by a recipe, or rolls it back.\n\n%s\n\nusage: gwe COMMAND [flags] [operands]\n\ncommands:\n", about)
	for _, one := range commands() {
		if one.hidden {
			continue
		}
		fmt.Fprintf(out, "  %-13s %s\n", one.name, one.summary)
	}
	fmt.Fprintf(out, "\n`gwe COMMAND --help` teaches each one.\n\nexamples:\n%s\n", overviewExamples)
	fmt.Fprint(out, `
exit codes:
  0 done   1 gwe broke   2 usage or invalid recipe   3 failed, all rolled back   4 failsafe in place
  5 manual intervention required   6 refused before any effect   7 in place, but not all is well   75 suspended   128+n signal n
`)
}

// teach is gwe COMMAND --help.
func (c command) teach(out io.Writer, flags string) {
	usage := "gwe " + c.name
	if flags != "" {
		usage += " [flags]"
	}
	if c.operands != "" {
		usage += " " + c.operands
	}
	fmt.Fprintf(out, "%s\n\nusage: %s\n\n%s\n", capital(c.summary), usage, strings.TrimSpace(c.help))
	if flags != "" {
		fmt.Fprintf(out, "\nflags:\n%s", flags)
	}
	fmt.Fprint(out, `
global flags:
      --state-dir directory   where runs and journals are kept
      --output tree        tree, plain or json
      --log-depth levels   levels of tasks to show while all is well; 0 shows all (default 3 for tree, 0 for plain)
      --color when         auto, always or never
  -v, --verbose            show everything
`)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
