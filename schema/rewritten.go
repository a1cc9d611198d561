package schema

import (
	"fmt"
	"slices"
	"strings"
)

// rewritten shows how a step of another tool is written here, with the values that it has; "" where nothing
// corresponds. What it shows is valid once the words in capitals are filled in.
func (p *parser) rewritten(entry Entry) string {
	word := folded(entry.Key.Text)
	word = word[strings.LastIndexByte(word, '.')+1:] // ansible.builtin.copy
	text, isText := entry.Value.(Scalar)
	words := []string{}
	if isText {
		words = strings.Fields(text.Text)
	}
	path := textAt(entry.Value, "path", "dest", "name", "file")
	switch word {
	case "shell", "command", "cmd", "exec", "raw":
		return commandOf(entry.Value, word)
	case "systemctl", "service", "systemd", "systemd-service", "rc-service":
		return control(serviceOf(entry.Value, words))
	case "apt", "apt-get", "yum", "dnf", "apk", "package", "pip", "opkg":
		install := map[string]string{"apk": "apk, add", "pip": "pip, install", "opkg": "opkg, install", "yum": "yum, install, -y", "dnf": "dnf, install, -y"}[word]
		if install == "" {
			install = "apt-get, install, -y"
		}
		return fmt.Sprintf("write run: {argv: [%s, %s]}, with an undo that removes it", install, textAt(entry.Value, "name", "pkg"))
	case "file":
		switch textAt(entry.Value, "state") {
		case "directory":
			return fmt.Sprintf("write mkdir: {path: %s}", path)
		case "absent":
			return fmt.Sprintf("write remove: {path: %s, missing: ok}", path)
		case "link":
			return fmt.Sprintf("write symlink: {link: %s, to: %s}", path, textAt(entry.Value, "src"))
		}
	case "lineinfile", "blockinfile", "replace", "ini-file", "sed":
		return "write the whole file, by write: {path: PATH, content: TEXT} or template; or run: {script: TEXT} with an undo"
	case "rm":
		return fmt.Sprintf("write remove: %s", last(words, "PATH"))
	case "cp", "mv":
		return fmt.Sprintf("write %s: {from: %s, to: %s}", map[string]string{"cp": "copy", "mv": "move"}[word], word0(words, "FROM"), last(words, "TO"))
	case "ln":
		return fmt.Sprintf("write symlink: {link: %s, to: %s}", last(words, "LINK"), word0(words, "TO"))
	case "untar", "tar", "unzip", "unarchive":
		return fmt.Sprintf("write extract: {archive: %s, to: %s, unverified: allow}, or unpack for a signed package", textAt(entry.Value, "src", "file", "archive"), textAt(entry.Value, "dest", "to"))
	case "gpg", "signature":
		return "write verify: {package: FILE, keyring: DIRECTORY}"
	case "sleep", "wait", "pause", "delay":
		return "wait for what you need, wait-for: {http: URL, within: 1m}; for a time alone, run: {argv: [sleep, \"5\"]} with effects: none"
	case "fail":
		return fmt.Sprintf("write assert: {that: false, message: %s}, with a when beside it", textAt(entry.Value, "msg", "message"))
	case "import-tasks", "include-tasks", "include-role", "import-role", "import-playbook":
		return "write use: ./FILE.yaml, which is a recipe of its own"
	case "on-failure", "on-fail", "on-error":
		return "a failure undoes the steps by itself, each by its undo; a group, steps: [...], may have rescue: beside it"
	case "retries":
		return fmt.Sprintf("write retry: {attempts: %s, delay: 5s}", last(words, "3"))
	}
	return ""
}

// commandOf shows a command line: as argv, or as a script where a shell has to read it.
func commandOf(node Node, word string) string {
	text := ""
	switch node := node.(type) {
	case Scalar:
		text = strings.TrimSpace(node.Text)
	case Map:
		if text = textAt(node, "cmd", "command", "argv", "script"); text == strings.ToUpper(text) {
			return ""
		}
	}
	if text == "" {
		return ""
	}
	if word == "shell" || strings.ContainsAny(text, "|&;<>$`*\"'\n") {
		return fmt.Sprintf("write run: {script: %s}, with an undo, or effects: none if it only looks", quoted(text))
	}
	return fmt.Sprintf("write run: {argv: [%s]}, with an undo, or effects: none if it only looks", strings.Join(strings.Fields(text), ", "))
}

// serviceOf reads which service is to do what, from words or from a mapping.
func serviceOf(node Node, words []string) (verb, name string) {
	if len(words) > 1 {
		verbs := []string{"start", "stop", "restart", "reload", "enable", "disable", "daemon-reload"}
		if slices.Contains(verbs, words[1]) { // service NAME VERB
			return words[1], words[0]
		}
		return words[0], strings.Join(words[1:], ", ")
	}
	verb = map[string]string{"started": "start", "stopped": "stop", "reloaded": "reload"}[textAt(node, "state")]
	if verb == "" {
		verb = "restart"
	}
	return verb, textAt(node, "name", "service")
}

// control shows the step that tells a service something, with what its undoing takes.
func control(verb, name string) string {
	told := fmt.Sprintf("run: {argv: [systemctl, %s, %s]}", verb, name)
	if back := map[string]string{"start": "stop", "stop": "start", "enable": "disable", "disable": "enable"}[verb]; back != "" {
		return fmt.Sprintf("write %s, and undo: [{run: {argv: [systemctl, %s, %s]}}] beside it", told, back, name)
	}
	return fmt.Sprintf("write %s, and undo-last: [{%s}] beside it", told, told)
}

// textAt is the first of the named texts of a mapping; else a word that says what to write.
func textAt(node Node, names ...string) string {
	if fields, ok := node.(Map); ok {
		for _, name := range names {
			if found, there := fields.Get(name); there {
				if scalar, ok := found.(Scalar); ok && scalar.Text != "" {
					return scalar.Text
				}
			}
		}
	}
	return strings.ToUpper(names[0])
}

func word0(words []string, otherwise string) string {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return strings.HasPrefix(word, "-") })
	if len(words) == 0 {
		return otherwise
	}
	return words[0]
}

func last(words []string, otherwise string) string {
	if len(words) == 0 {
		return otherwise
	}
	return words[len(words)-1]
}
