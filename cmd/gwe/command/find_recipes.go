package command

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/regular"
)

// recipeFiles puts the recipes below a directory in the directory's place; every other operand stays. A
// directory without a recipe is an error: in CI it would be a check that checks nothing.
func recipeFiles(operands []string) ([]string, error) {
	var all []string
	for _, operand := range operands {
		info, err := os.Stat(operand)
		if err != nil || !info.IsDir() || operand == "-" {
			all = append(all, operand)
			continue
		}
		below, err := recipesBelow(operand)
		if err != nil {
			return nil, usagef("the directory cannot be read: %v", err)
		}
		if len(below) == 0 {
			return nil, usagef("there is no recipe below %s: no *.yaml or *.yml file there says gwe:", operand)
		}
		all = append(all, below...)
	}
	var once []string
	for _, file := range all {
		if !slices.Contains(once, file) {
			once = append(once, file)
		}
	}
	return once, nil
}

// recipesBelow finds the recipes in a directory, in order. Hidden directories and what other tools install
// are left out, and so are the tests of recipes; links are not followed into directories.
func recipesBelow(directory string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != directory && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor"):
			return fs.SkipDir
		case entry.IsDir(), !isYAML(name):
			return nil
		case strings.Contains(name, ".test."):
			return nil
		}
		is, err := isRecipe(path)
		if is {
			if !strings.Contains(path, "/") {
				path = "./" + path
			}
			found = append(found, path)
		}
		return err
	})
	return found, err
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// grammarKey is the key that makes a YAML file a recipe, in block style or as JSON.
var grammarKey = regexp.MustCompile(`(?m)^(?:\x{feff}|\{\s*)?["']?gwe["']?[ \t]*:`)

// isRecipe looks into the head of a file.
func isRecipe(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false, nil // a link to nowhere is no recipe
	}
	file, err := regular.OpenForeign(context.Background(), path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	head, err := readAtMost(file, 64<<10)
	return grammarKey.Match(head), err
}
