package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Scenario is a case as a file writes it:
//
//	cases:
//	  - name: changes a key
//	    fixture:
//	      /etc/app.ini: "[a]\nb = 1\n"
//	      /etc/other: { content: x, mode: "0600" }
//	      /etc/folder: { folder: true }
//	      /etc/link: { link: app.ini }
//	    arguments: { file: "${{ root }}/etc/app.ini" }
//	    idle: false        the machine is already as wanted
//	    looks: false       with these arguments the type only looks
//	    forget: []         what undo may not need
//	    untimed: {}        files whose times undo cannot bring back: path, and the reason
//
// ${{ root }} stands for the directory in which the fixture is built: another one for each check.
type Scenario struct {
	Name      string            `yaml:"name"`
	Fixture   map[string]placed `yaml:"fixture"`
	Arguments map[string]any    `yaml:"arguments"`
	Idle      bool              `yaml:"idle"`
	Looks     bool              `yaml:"looks"`
	Forget    []string          `yaml:"forget"`
	Untimed   map[string]string `yaml:"untimed"`
}

// placed is what the fixture has at a path: a text alone is the content of a file.
type placed struct {
	Content   string `yaml:"content"`
	Mode      string `yaml:"mode"`
	Link      string `yaml:"link"`
	Directory bool   `yaml:"folder"`
}

// UnmarshalYAML reads the short form too.
func (p *placed) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&p.Content)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; !slices.Contains([]string{"content", "mode", "link", "folder"}, key.Value) {
			return fmt.Errorf("line %d: there is no %q here: content, mode, link and directory are", key.Line, key.Value)
		}
	}
	type plain placed
	return node.Decode((*plain)(p))
}

// rootMark is what stands for the root of a scenario.
const rootMark = "${{ root }}"

// built is the time of every file of a fixture: the same in every root.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ReadScenarios reads a file of scenarios. Its fault is cases-invalid.
func ReadScenarios(text []byte) ([]Scenario, error) {
	var file struct {
		Cases []Scenario `yaml:"cases"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, casesFault("the cases cannot be read").WithCause(err)
	}
	if len(file.Cases) == 0 {
		return nil, casesFault("there are no cases").WithHint("write at least one under cases:")
	}
	for _, one := range file.Cases {
		if one.Name == "" {
			return nil, casesFault("a case has no name")
		}
		for path, reason := range one.Untimed {
			if strings.TrimSpace(reason) == "" {
				return nil, casesFault("case %q: %s is exempt without a reason", one.Name, path).
					WithHint("write why undo cannot bring its times back: untimed: { %s: the kernel sets them }", path)
			}
		}
		for path, there := range one.Fixture {
			_, err := there.mode()
			if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || err != nil {
				return nil, casesFault("case %q: %s cannot be in a fixture", one.Name, path).
					WithHint(`a path begins with / and is clean; a mode is four octal digits in quotes: "0644"`)
			}
		}
	}
	return file.Cases, nil
}

func casesFault(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "cases-invalid", format, arguments...)
}

// Of makes it a case of the type, all of whose parts run in processes of their own.
func (s Scenario) Of(tried step.Type) Case {
	c := Case{Type: tried, Idle: s.Idle, Looks: s.Looks, Arrange: s.arrange}
	for _, path := range s.Forget {
		c.Forget = append(c.Forget, strings.TrimPrefix(path, "/"))
	}
	for path, reason := range s.Untimed {
		if c.Untimed == nil {
			c.Untimed = map[string]string{}
		}
		c.Untimed[strings.TrimPrefix(path, "/")] = reason
	}
	return c
}

func (s Scenario) arrange(t T, root string) map[string]any {
	t.Helper()
	for _, path := range sortedPaths(s.Fixture) {
		if err := s.Fixture[path].build(root, path); err != nil {
			t.Fatalf("the fixture %s: %v", path, err)
		}
	}
	return rooted(s.Arguments, root).(map[string]any)
}

func sortedPaths(fixture map[string]placed) []string {
	var paths []string
	for path := range fixture {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func (p placed) build(root, path string) error {
	mode, err := p.mode()
	if err != nil {
		return err
	}
	target := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	switch {
	case p.Link != "":
		return os.Symlink(strings.ReplaceAll(p.Link, rootMark, root), target)
	case p.Directory:
		return errors.Join(os.MkdirAll(target, 0o755), os.Chmod(target, mode))
	}
	content := strings.ReplaceAll(p.Content, rootMark, root)
	return errors.Join(os.WriteFile(target, []byte(content), 0o600), os.Chmod(target, mode), os.Chtimes(target, built, built))
}

// mode is what chmod gets: 0755 for a directory and 0644 for a file where nothing else is said.
func (p placed) mode() (os.FileMode, error) {
	switch {
	case p.Mode == "" && p.Directory:
		return 0o755, nil
	case p.Mode == "":
		return 0o644, nil
	}
	bits, err := strconv.ParseUint(p.Mode, 8, 9)
	return os.FileMode(bits), err
}

// rooted puts the root into every text of a value.
func rooted(v any, root string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, rootMark, root)
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = rooted(one, root)
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, one := range v {
			members[name] = rooted(one, root)
		}
		return members
	}
	return v
}
