package host

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/regular"
)

// Recovery is something on the machine that runs `gwe recover`, or would.
type Recovery struct {
	// Source is the file that says so, or "process 123 (sh)".
	Source string
	// Periodic ones run it again and again; others once a boot.
	Periodic bool
	// Idle says why it does not run it now: the unit is not enabled, there is no cron daemon. "" is one that
	// does.
	Idle string
	// State is the state directory that its command names; "" where it names none.
	State string
}

// Recoveries looks for what runs `gwe recover` on the machine below root: timers and services of systemd,
// crontabs, programs of supervisord, init scripts, and processes. program is the name of the own executable,
// beside gwe. It only reads; what calls gwe from a script of another name is not seen.
func Recoveries(root, program string) []Recovery {
	s := recoverySearch{tree: tree(root), command: recoverCommand(program)}
	s.systemd()
	s.cron()
	s.supervisors()
	s.processes()
	return s.found
}

type recoverySearch struct {
	tree
	command *regexp.Regexp
	found   []Recovery
}

// recoverCommand matches a call of gwe recover; what follows up to the end of the shell command is its last
// group.
func recoverCommand(program string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[\s/"'=;&|(@-])(?:gwe[\w.-]*|` + regexp.QuoteMeta(program) + `)["']?\s+((?:[^\s;&|]+\s+)*?)recover\b([^;&|\n]*)`)
}

var (
	stateFlag  = regexp.MustCompile(`--state-dir[= ]["']?([^\s"';&|]+)`)
	stateNamed = regexp.MustCompile(`GWE_STATE_DIR=["']?([^\s"';&|]+)`)
)

// calls reports whether a text calls gwe recover, not in its early part alone, and the state directory that
// it names.
func (s *recoverySearch) calls(text string) (state string, yes bool) {
	for _, match := range s.command.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
		if strings.Contains(match[1]+match[2], "--early") {
			continue
		}
		if named := stateFlag.FindStringSubmatch(match[0]); named != nil {
			return named[1], true
		}
		if named := stateNamed.FindStringSubmatch(text); named != nil {
			return named[1], true
		}
		return "", true
	}
	return "", false
}

// uncommented drops the lines that begin with #.
func uncommented(text string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "#")
	}), "\n")
}

// regularText reads a small regular file: a FIFO among the crontabs must not hold gwe up.
func (t tree) regularText(path string) string {
	if info, err := os.Stat(filepath.Join(string(t), path)); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return t.text(path)
}

// files lists what matches a pattern below the root, without it.
func (t tree) files(pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(string(t), pattern))
	for i := range found {
		found[i], _ = filepath.Rel(string(t), found[i])
	}
	return found
}

// unitDirectories are those of systemd, those that go before others first.
func unitDirectories() []string {
	return []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// systemd looks at the timers whose service recovers, and at services that do so themselves.
func (s *recoverySearch) systemd() {
	seen := map[string]bool{}
	for _, directory := range unitDirectories() {
		for _, path := range append(s.files(directory+"/*.timer"), s.files(directory+"/*.service")...) {
			unit := filepath.Base(path)
			if seen[unit] {
				continue
			}
			seen[unit] = true
			text := s.unit(unit)
			timer := strings.HasSuffix(unit, ".timer")
			called := text
			if timer {
				service := strings.TrimSuffix(unit, ".timer") + ".service"
				if named := setting(text, "Unit"); named != "" {
					service = named
				}
				called = s.unit(service)
			}
			state, yes := s.calls(called)
			if !yes {
				continue
			}
			restarts := setting(text, "Restart")
			s.found = append(s.found, Recovery{
				Source: "/" + path, State: state, Idle: s.unitIdle(unit),
				Periodic: timer || restarts != "" && restarts != "no",
			})
		}
	}
}

// unit is the text of a unit with its drop-ins; "" where it is masked or missing.
func (s *recoverySearch) unit(name string) string {
	var text string
	for _, directory := range unitDirectories() {
		if target, err := os.Readlink(filepath.Join(string(s.tree), directory, name)); err == nil && target == "/dev/null" {
			return ""
		}
		if text = s.regularText(directory + "/" + name); text != "" {
			break
		}
	}
	for _, directory := range unitDirectories() {
		for _, path := range s.files(directory + "/" + name + ".d/*.conf") {
			text += "\n" + s.regularText(path)
		}
	}
	return uncommented(text)
}

// setting is the last value of a unit's key.
func setting(unit, key string) (value string) {
	for line := range strings.Lines(unit) {
		if name, given, found := strings.Cut(line, "="); found && strings.TrimSpace(name) == key {
			value = strings.TrimSpace(given)
		}
	}
	return value
}

// unitIdle says why a unit does not run by itself. A timer's service need not be enabled: that is the timer's
// part.
func (s *recoverySearch) unitIdle(name string) string {
	if _, err := os.Stat(filepath.Join(string(s.tree), "run/systemd/system")); err != nil {
		return "systemd does not run this machine"
	}
	for _, directory := range unitDirectories() {
		for _, kind := range []string{"wants", "requires", "upholds"} {
			if len(s.files(directory+"/*."+kind+"/"+name)) > 0 {
				return ""
			}
		}
	}
	return "it is not enabled"
}

// cron looks at crontabs, and at the scripts that run every hour or so.
func (s *recoverySearch) cron() {
	idle := ""
	if !s.running("cron", "crond", "fcron", "busybox crond", "dcron", "anacron") {
		idle = "no cron daemon runs"
	}
	for _, pattern := range []string{"etc/crontab", "etc/cron.d/*", "var/spool/cron/*", "var/spool/cron/crontabs/*", "etc/crontabs/*"} {
		for _, path := range s.files(pattern) {
			for line := range strings.Lines(uncommented(s.regularText(path))) {
				if state, yes := s.calls(line); yes {
					once := strings.HasPrefix(strings.TrimSpace(line), "@reboot") && !strings.Contains(line, "sleep")
					s.found = append(s.found, Recovery{Source: "/" + path, State: state, Periodic: !once, Idle: idle})
				}
			}
		}
	}
	for _, pattern := range []string{"etc/cron.hourly/*", "etc/periodic/*min/*", "etc/periodic/hourly/*"} {
		s.scripts(pattern, true, idle)
	}
}

// supervisors looks at what other supervisors run: supervisord, runit, s6, init and its scripts.
func (s *recoverySearch) supervisors() {
	idle := ""
	if !s.running("supervisord") {
		idle = "supervisord does not run"
	}
	for _, pattern := range []string{"etc/supervisord.conf", "etc/supervisor/supervisord.conf", "etc/supervisor/conf.d/*", "etc/supervisor.d/*", "etc/supervisord.d/*"} {
		s.scripts(pattern, true, idle)
	}
	for _, pattern := range []string{"etc/service/*/run", "service/*/run", "var/service/*/run", "etc/inittab"} {
		s.scripts(pattern, true, "")
	}
	for _, pattern := range []string{"etc/rc.local", "etc/init.d/*", "etc/local.d/*.start"} {
		s.scripts(pattern, false, "")
	}
}

func (s *recoverySearch) scripts(pattern string, periodic bool, idle string) {
	for _, path := range s.files(pattern) {
		if state, yes := s.calls(uncommented(s.regularText(path))); yes {
			s.found = append(s.found, Recovery{Source: "/" + path, State: state, Periodic: periodic, Idle: idle})
		}
	}
}

// processes looks at running programs whose arguments call gwe recover: a shell that does so in a loop.
func (s *recoverySearch) processes() {
	for _, path := range s.tree.files("proc/[0-9]*/cmdline") {
		words := strings.ReplaceAll(s.raw(path), "\x00", " ")
		state, yes := s.calls(words)
		if yes && strings.Contains(words, "sleep") {
			number := filepath.Base(filepath.Dir(path))
			s.found = append(s.found, Recovery{Source: "process " + number, State: state, Periodic: true})
		}
	}
}

// running reports whether a process of one of these names runs.
func (s *recoverySearch) running(names ...string) bool {
	for _, path := range s.tree.files("proc/[0-9]*/comm") {
		if slices.Contains(names, strings.TrimSpace(s.raw(path))) {
			return true
		}
	}
	return false
}

// raw reads a file of /proc as it is.
func (t tree) raw(path string) string {
	content, err := regular.ReadForeign(context.Background(), filepath.Join(string(t), path), 4<<20)
	if err != nil {
		return ""
	}
	return string(content)
}
