// Command packages makes what a release holds besides programs. scripts/release runs it:
//
//	packages texts VERSION DIRECTORY   the manual and the completions
//	packages sign KEY PASSPHRASE-FILE FILE   FILE.sig, a detached signature by a key of gwe keys new
//
// Both give the same bytes each time: SOURCE_DATE_EPOCH is their only date. PASSPHRASE-FILE may be "".
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/cmd/gwe/command"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/value"
)

func main() {
	err := fmt.Errorf("usage: packages texts VERSION DIRECTORY | packages sign KEY PASSPHRASE-FILE FILE")
	day, problem := epoch()
	switch arguments := os.Args[1:]; {
	case problem != nil:
		err = problem
	case len(arguments) == 3 && arguments[0] == "texts":
		err = texts(arguments[1], day, arguments[2])
	case len(arguments) == 4 && arguments[0] == "sign":
		err = sign(arguments[1], arguments[2], arguments[3], day)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func epoch() (time.Time, error) {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is not a number of seconds: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func texts(version string, day time.Time, directory string) error {
	files := map[string]string{}
	for _, page := range command.ManPages(version, day) {
		files["man/"+page.Name] = page.Text
	}
	for _, shell := range command.Shells() {
		files["completions/gwe."+shell] = command.Completion(shell)
	}
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sign(key, passphraseFile, file string, day time.Time) error {
	options := bundle.SignOptions{Key: key, SignedAt: day}
	if passphraseFile != "" {
		text, err := regular.ReadHead(context.Background(), passphraseFile, 4096)
		if err != nil {
			return err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		options.Passphrase = value.NewSecret(strings.TrimSuffix(line, "\r"))
	}
	return bundle.Sign(file, file+".sig", options)
}
