package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release string

// version is the release, or what the build knows of the commit.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return "devel-" + setting.Value[:12]
		}
	}
	return "devel"
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "say which gwe this is",
		help: `
It prints the release, the recipe grammar that it reads, and what it was built with.

example:
  gwe version`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, _ []string) error {
				_, err := fmt.Fprintf(console.stdout, "gwe %s (recipes gwe: 1, %s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
		},
	}
}
