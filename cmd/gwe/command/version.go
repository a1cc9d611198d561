package command

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// version is the release, or what the build knows of the commit.
func (c *console) version() string {
	if c.line.Release != "" {
		return c.line.Release
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
				_, err := fmt.Fprintf(console.stdout, "gwe %s (recipes gwe: 1, %s, %s/%s)\n", console.version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
		},
	}
}
