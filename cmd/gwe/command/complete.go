package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// completeCommand is what the scripts of `gwe completion` ask at each Tab.
//
// Its operands are the words of the command line after gwe; the last one is being typed, and may be empty. It
// prints one offer a line: the whole word, a tab, and what it is. An offer that ends in "/", "=", ":" or "@"
// continues without a blank. The last line may be ":files PREFIX" or ":directories PREFIX": what the shell
// finds for the word without PREFIX is offered too.
func completeCommand() command {
	return command{
		name:     "complete",
		operands: "WORD...",
		hidden:   true,
		summary:  "what the scripts of gwe completion ask",
		help:     "The scripts that `gwe completion` prints ask this for what may stand next.",
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				console.stderr, console.forgiving = io.Discard, true // a warning would land in the middle of what is typed
				if len(operands) == 0 {
					operands = []string{""}
				}
				out := bufio.NewWriter(console.stdout)
				complete(console, operands).write(out)
				return out.Flush()
			}
		},
	}
}

// offer is one word that may stand next.
type offer struct {
	word string
	// about is one line on it; "" says nothing.
	about string
}

// source finds the offers for a word of which the beginning is typed. typed is the command line before it.
type source func(console *console, typed *typedLine, word string) offers

// offers are all words that may stand next.
type offers struct {
	words []offer
	// also lets the shell offer "files" or "directories"; "" is neither. They replace the word but for
	// prefix.
	also, prefix string
}

func (o offers) write(out io.Writer) {
	for _, one := range o.words {
		if printable(one.word) != one.word {
			continue // a file's name that would steer the terminal
		}
		fmt.Fprintf(out, "%s\t%s\n", one.word, printable(strings.Join(strings.Fields(one.about), " ")))
	}
	if o.also != "" {
		fmt.Fprintf(out, ":%s %s\n", o.also, o.prefix)
	}
}

// starting keeps what begins with the typed word.
func (o offers) starting(word string) offers {
	o.words = slices.DeleteFunc(o.words, func(one offer) bool { return !strings.HasPrefix(one.word, word) })
	return o
}

// below puts a prefix in front of all: "--output=" of "--output=tree".
func (o offers) below(prefix string) offers {
	for i := range o.words {
		o.words[i].word = prefix + o.words[i].word
	}
	o.prefix = prefix + o.prefix
	return o
}

// typedLine is a command line as far as it is typed.
type typedLine struct {
	// chosen is the command; nil before it is typed.
	chosen *command
	// first is the first word of a command of two: "keys". It is a command itself where chosen is set.
	first    string
	flags    *pflag.FlagSet
	operands []string
	// waiting is the flag whose value is the next word.
	waiting *pflag.Flag
	// plain is set after "--": what follows is not a flag.
	plain bool
}

// complete finds what may stand in the place of the last word.
func complete(console *console, words []string) offers {
	console.global = globalFlags{color: "auto"}
	typed := &typedLine{flags: flagSet("gwe")}
	console.global.declare(typed.flags)
	last := len(words) - 1
	for _, word := range words[:last] {
		typed.take(console, word)
	}
	word := words[last]
	name, value, assigned := strings.Cut(word, "=")
	switch {
	case typed.waiting != nil:
		return valuesOf(console, typed, typed.waiting, word)
	case !typed.plain && assigned && strings.HasPrefix(name, "--"):
		if flag := typed.flags.Lookup(name[2:]); flag != nil {
			return valuesOf(console, typed, flag, value).below(name + "=")
		}
		return offers{}
	case !typed.plain && strings.HasPrefix(word, "-"):
		return typed.flagOffers().starting(word)
	case typed.chosen == nil:
		return commandOffers(typed.first).starting(word)
	}
	var all offers
	if typed.first != "" && len(typed.operands) == 0 {
		all.words = commandOffers(typed.first).starting(word).words
	}
	if typed.chosen.offers != nil {
		found := typed.chosen.offers(console, typed, word)
		all.words, all.also = append(all.words, found.starting(word).words...), found.also
	}
	return all
}

// take reads one word, as the parser of flags would.
func (t *typedLine) take(console *console, word string) {
	switch {
	case t.waiting != nil:
		_ = t.flags.Set(t.waiting.Name, word) // a wrong value is refused when the command runs
		t.waiting = nil
	case !t.plain && word == "--":
		t.plain = true
	case !t.plain && strings.HasPrefix(word, "--"):
		name, value, assigned := strings.Cut(word[2:], "=")
		t.flag(t.flags.Lookup(name), value, assigned)
	case !t.plain && len(word) > 1 && word[0] == '-':
		for rest := word[1:]; rest != ""; rest = rest[1:] {
			flag := t.flags.ShorthandLookup(rest[:1])
			if flag == nil || flag.NoOptDefVal == "" {
				t.flag(flag, strings.TrimPrefix(rest[1:], "="), len(rest) > 1)
				break
			}
			t.flag(flag, "", false)
		}
	case t.chosen == nil || len(t.operands) == 0 && t.first != "":
		t.command(console, word)
	default:
		t.operands = append(t.operands, word)
	}
}

func (t *typedLine) flag(flag *pflag.Flag, value string, assigned bool) {
	switch {
	case flag == nil:
	case assigned:
		_ = t.flags.Set(flag.Name, value)
	case flag.NoOptDefVal != "":
		_ = t.flags.Set(flag.Name, flag.NoOptDefVal)
	default:
		t.waiting = flag
	}
}

// command takes a word of a command's name; what is none is an operand of the first word.
func (t *typedLine) command(console *console, word string) {
	if word == "help" && t.chosen == nil && t.first == "" {
		return // `gwe help run` is `gwe run --help`
	}
	all := commands()
	name := strings.TrimPrefix(t.first+" "+word, " ")
	if i := slices.IndexFunc(all, func(one command) bool { return one.name == name && !one.hidden }); i >= 0 {
		t.chosen = &all[i]
		t.flags = flagSet("gwe " + name)
		t.chosen.setUp(t.flags)
		console.global.declare(t.flags) // as far as they are typed
		t.flags.BoolP("help", "h", false, "teach this command")
		t.first = ""
	} else if t.chosen != nil {
		t.operands = append(t.operands, word)
	}
	if len(belowOf(all, word)) > 0 && t.first == "" && name == word {
		t.first = word
	}
}

// commandOffers are the commands, or those of two words that begin with first.
func commandOffers(first string) offers {
	var all offers
	for _, one := range commands() {
		word, second, two := strings.Cut(one.name, " ")
		switch {
		case one.hidden:
		case first != "":
			if two && word == first {
				all.words = append(all.words, offer{second, one.summary})
			}
		case two && !slices.ContainsFunc(all.words, func(seen offer) bool { return seen.word == word }):
			all.words = append(all.words, offer{word, "one of: " + strings.Join(secondWords(belowOf(commands(), word)), ", ")})
		case !two:
			all.words = append(all.words, offer{word, one.summary})
		}
	}
	return all
}

// flagOffers are the flags that may stand next.
func (t *typedLine) flagOffers() offers {
	var all offers
	t.flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Changed && !strings.HasSuffix(flag.Value.Type(), "Array") && flag.Value.Type() != "directory" {
			return
		}
		_, about := pflag.UnquoteUsage(flag)
		all.words = append(all.words, offer{"--" + flag.Name, about})
	})
	return all
}
