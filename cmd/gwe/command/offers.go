package command

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/errorcodes"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/recipes"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/rule"
)

// acceptedValues is the annotation of a flag that takes one of a few words.
const acceptedValues = "gwe-accepted-values"

// accepts says which words a flag takes, for completion.
func accepts(flags *pflag.FlagSet, name string, words ...string) {
	flag := flags.Lookup(name)
	if flag.Annotations == nil {
		flag.Annotations = map[string][]string{}
	}
	flag.Annotations[acceptedValues] = words
}

// valuesOf are the words that a flag takes.
func valuesOf(console *console, typed *typedLine, flag *pflag.Flag, word string) offers {
	if words := flag.Annotations[acceptedValues]; words != nil {
		return fixed(words...)(console, typed, word).starting(word)
	}
	if flag.Name == "input" {
		return inputOffers(console, typed, word)
	}
	switch placeholder, _ := pflag.UnquoteUsage(flag); placeholder {
	case "file", "path":
		return offers{also: "files"}
	case "directory":
		return offers{also: "directories"}
	}
	return offers{}
}

func fixed(words ...string) source {
	return func(*console, *typedLine, string) offers {
		var all offers
		for _, word := range words {
			all.words = append(all.words, offer{word: word})
		}
		return all
	}
}

func anyFile(*console, *typedLine, string) offers      { return offers{also: "files"} }
func anyDirectory(*console, *typedLine, string) offers { return offers{also: "directories"} }

// first offers only for the first operand.
func first(of source) source {
	return func(console *console, typed *typedLine, word string) offers {
		if len(typed.operands) > 0 {
			return offers{}
		}
		return of(console, typed, word)
	}
}

// recipeOffers are the shipped recipes, the recipes in the directory of the word, and the directories in it.
func recipeOffers(console *console, _ *typedLine, word string) offers {
	var all offers
	for _, name := range recipes.Names() {
		if source, err := recipes.Read(name); err == nil {
			recipe, _ := schema.Parse("recipes/"+name+".yaml", source, console.line.Catalog)
			about := "a shipped recipe"
			if recipe != nil && recipe.Summary != nil {
				about = recipe.Summary.Text
			}
			all.words = append(all.words, offer{name, about})
		}
	}
	found := filesBeside(word, func(path string) bool {
		is, err := isRecipe(path)
		return is && err == nil && isYAML(path) && !strings.HasSuffix(path, trial.Suffix)
	})
	all.words = append(all.words, found.words...)
	return all
}

// testOffers are the files of tests in the directory of the word, and the directories in it.
func testOffers(_ *console, _ *typedLine, word string) offers {
	return filesBeside(word, func(path string) bool { return strings.HasSuffix(path, trial.Suffix) })
}

// filesBeside are the directories and the wanted files in the directory that the word is about.
func filesBeside(word string, wanted func(path string) bool) offers {
	const most = 2000 // directories with more would hold the terminal up
	directory, start := filepath.Split(word)
	opened, err := regular.OpenAny(context.Background(), cmp.Or(directory, "./"))
	if err != nil {
		return offers{}
	}
	defer opened.Close()
	entries, _ := opened.ReadDir(most)
	var all offers
	for _, entry := range entries {
		path := directory + entry.Name()
		if !strings.HasPrefix(entry.Name(), start) || start == "" && entry.Name()[0] == '.' {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			all.words = append(all.words, offer{path + "/", "directory"})
		case info.Mode().IsRegular() && wanted(path):
			all.words = append(all.words, offer{path, "file"})
		}
	}
	slices.SortFunc(all.words, func(a, b offer) int { return strings.Compare(a.word, b.word) })
	return all
}

// inputOffers are the inputs of the recipe that is typed already, and the values of one whose name is typed.
func inputOffers(console *console, typed *typedLine, word string) offers {
	if len(typed.operands) == 0 || typed.operands[0] == "-" {
		return offers{}
	}
	program, err := loadRecipe(console, typed.operands[:1])
	if err != nil {
		return offers{}
	}
	name, given, assigned := strings.Cut(word, "=")
	var all offers
	already, _ := typed.flags.GetStringArray("input")
	for _, input := range program.Recipe.Inputs {
		is := func(one string) bool { return strings.HasPrefix(one, input.Name.Text+"=") }
		switch {
		case assigned && input.Name.Text == name:
			return inputValues(input, given).below(name + "=")
		case !assigned && !slices.ContainsFunc(already, is):
			about := input.Help
			if input.Required {
				about = strings.TrimSuffix("required; "+about, "; ")
			}
			all.words = append(all.words, offer{input.Name.Text + "=", about})
		}
	}
	return all.starting(word)
}

func inputValues(input *schema.Input, given string) offers {
	var all offers
	switch {
	case strings.HasPrefix(given, "@") && !strings.HasPrefix(given, "@@"):
		return offers{also: "files", prefix: "@"}
	case input.Type.Kind == value.KindSecret:
		all.words = []offer{{"@", "read it from a file"}, {"env:", "read it from a variable"}, {"fd:", "read it from an open descriptor"}}
	case len(input.Enum) > 0:
		for _, one := range input.Enum {
			all.words = append(all.words, offer{word: value.Text(one)})
		}
	case input.Type.Kind == value.KindBool:
		all.words = []offer{{word: "true"}, {word: "false"}}
	case input.Type.Kind == value.KindPath:
		return offers{also: "files"}
	}
	return all.starting(given)
}

// runOffers are the runs of the state directory, newest first; wanted, where it is not nil, chooses among
// them.
func runOffers(wanted func(one engine.Summary, able []string) bool) source {
	return first(func(console *console, _ *typedLine, _ string) offers {
		machine, err := console.reader()
		if err != nil {
			return offers{}
		}
		list, _ := machine.State.List()
		able, _ := machine.Rollbackable()
		var all offers
		for _, one := range slices.Backward(withLost(list, machine.State.Lost())) {
			if wanted == nil || wanted(one, able) {
				all.words = append(all.words, offer{one.Run, one.Recipe + ": " + string(one.Status)})
			}
		}
		return all
	})
}

func canRollBack(one engine.Summary, able []string) bool { return slices.Contains(able, one.Run) }
func keepsUndo(one engine.Summary, able []string) bool   { return one.Standing || canRollBack(one, able) }
func isSuspended(one engine.Summary, _ []string) bool    { return one.Status == engine.StatusSuspended }
func canCancel(one engine.Summary, able []string) bool {
	return one.Status == engine.StatusRunning || isSuspended(one, able)
}

// stepOffers are the step types, plugins too.
func stepOffers(console *console, _ *typedLine, _ string) offers {
	catalog, _ := console.catalog()
	var all offers
	for _, one := range catalog {
		all.words = append(all.words, offer{one.About().Name, one.About().Summary})
	}
	return all
}

// codeOffers are what `gwe explain` explains.
func codeOffers(*console, *typedLine, string) offers {
	all := offers{words: []offer{{"exit", "the exit codes"}}}
	for _, one := range rule.All() {
		all.words = append(all.words, offer{one.ID, one.Summary})
	}
	for _, one := range errorcodes.All() {
		all.words = append(all.words, offer{one.Code, "error code"})
	}
	return all
}

// keyOffers are the fingerprints of the keyring that the command line names.
func keyOffers(_ *console, typed *typedLine, _ string) offers {
	keyring, err := typed.flags.GetString("keyring")
	if err != nil {
		return offers{}
	}
	ring, err := bundle.ReadKeyring(keyring)
	if err != nil {
		return offers{}
	}
	var all offers
	for _, key := range ring.Keys() {
		all.words = append(all.words, offer{key.Fingerprint, key.UserID})
	}
	return all
}
