package plugin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Prefix is how the name of every plugin begins; the step type follows.
const Prefix = "gwe-step-"

// descriptionSuffix is how the name of the file with its description ends.
const descriptionSuffix = ".json"

// SystemDirectory is where packages install plugins.
const SystemDirectory = "/usr/lib/gwe/steps"

// UserDirectory is where a user's plugins lie, below the home directory.
const UserDirectory = ".local/lib/gwe/steps"

// Problem is a plugin, or a directory of plugins, that cannot be used, and why.
type Problem struct {
	Path string
	Err  error
}

// Find gives the plugins of the directories as step types, by their descriptions: nothing is executed. Of one
// type in two directories the first counts. A directory that does not exist has none. Plugins that cannot be
// used, and directories that cannot be read, come as problems.
func Find(directories []string, live bool) (found []*Type, problems []Problem) {
	seen := map[string]bool{}
	for _, directory := range directories {
		names, err := list(directory)
		if err != nil {
			problems = append(problems, Problem{directory, err})
			continue
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			path := filepath.Join(directory, Prefix+name)
			one, err := Open(path, live)
			if err != nil {
				problems = append(problems, Problem{path, err})
				continue
			}
			found = append(found, one)
		}
	}
	return found, problems
}

// list gives the types of which a directory has the executable or the description.
func list(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Errored, "plugin-directory-unreadable", "the plugin directory %s cannot be read", directory).WithCause(err).
			WithHint("let this user read it; the home directory is the one that HOME names")
	}
	var names []string
	for _, entry := range entries {
		name, ours := strings.CutPrefix(strings.TrimSuffix(entry.Name(), descriptionSuffix), Prefix)
		if ours && kebab.MatchString(name) && !entry.IsDir() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Open gives the plugin at the path, an executable named gwe-step-<type>, by the description beside it. A
// description without its executable is good for validating and planning; one of another executable than lies
// there is refused.
func Open(path string, live bool) (*Type, error) {
	text, err := readBounded(path + descriptionSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, "plugin-undescribed", "the plugin %s has no description beside it", path).
			WithHint("run `gwe steps describe %s`", path)
	}
	if err != nil {
		return nil, fault.New(fault.Errored, "plugin-unreadable", "the description of the plugin %s cannot be read", path).WithCause(err)
	}
	description, err := ReadDescription(TypeName(path), text)
	if err == nil && description.digest == "" {
		err = schemaFault("it does not say of which executable it is")
	}
	if err != nil {
		return nil, again(err, path)
	}
	opened := New(description, path, live)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return opened, nil
	}
	return opened, opened.unchanged()
}

// readBounded reads a file that may not be larger than a description.
func readBounded(path string) ([]byte, error) {
	return regular.ReadForeign(context.Background(), path, maximumDescription)
}

// again says of a description that does not serve how to get another.
func again(err error, path string) error {
	invalid := fault.As(err)
	if invalid == nil {
		return err
	}
	hint := "run `gwe steps describe " + path + "`"
	if invalid.Hint != "" {
		hint = invalid.Hint + "; then " + hint
	}
	return fault.New(fault.Refused, invalid.Code, "the description of the plugin %s: %v", path, err).WithHint("%s", hint)
}

// Save writes the description beside the executable that it names by its digest.
func Save(path string, description Description) (string, error) {
	target := path + descriptionSuffix
	return target, durable.WriteFile(target, description.Text(), 0o644)
}

// TypeName is the step type that a plugin's file name tells.
func TypeName(path string) string { return strings.TrimPrefix(filepath.Base(path), Prefix) }
