package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// cacheFlag declares --dir, and gives what opens the cache that it names. The cache is nil where there is
// none.
func cacheFlag(flags *pflag.FlagSet) func(operands []string) (*cache.Cache, string, error) {
	directory := flags.String("dir", "", "`directory` of the cache (default /var/cache/gwe/artifacts for root, else gwe/artifacts in the user's cache directory)")
	return func(operands []string) (*cache.Cache, string, error) {
		if len(operands) > 0 {
			return nil, "", usagef("gwe cache takes no operands; --dir names another cache")
		}
		path := *directory
		if path == "" {
			var err error
			if path, err = cache.Usual(); err != nil {
				return nil, "", err
			}
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, path, nil
		}
		store, err := cache.Existing(path)
		return store, path, err
	}
}

func cacheListCommand() command {
	return command{
		name:    "cache list",
		summary: "list the artifacts that downloads keep",
		help: `
A download step with ` + "`cache: true`" + ` keeps the file by its digest. The one that was used last comes first; the last ones go
when the cache would grow above the step's cache-size.

example:
  gwe cache list`,
		setUp: func(flags *pflag.FlagSet) action {
			open := cacheFlag(flags)
			return func(_ context.Context, console *console, operands []string) error {
				store, path, err := open(operands)
				if err != nil {
					return err
				}
				all := []cache.Info{}
				if store != nil {
					found, err := store.List()
					if err != nil {
						return err
					}
					all = append(all, found...)
				}
				if console.global.output == "json" {
					return writeJSON(console.stdout, all)
				}
				return showCache(console, path, all)
			}
		},
	}
}

func showCache(console *console, path string, all []cache.Info) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(console.stdout, "nothing in %s\n", path)
		return err
	}
	table := tabwriter.NewWriter(console.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LAST USED\tSIZE\tDIGEST")
	total := int64(0)
	for _, one := range all {
		total += one.Size
		fmt.Fprintf(table, "%s\t%s\t%s\n", one.Used.UTC().Format(time.DateTime), value.SizeOf(one.Size), one.Key)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(console.stdout, "%d in %s, %s\n", len(all), path, value.SizeOf(total))
	return err
}

func cacheVerifyCommand() command {
	return command{
		name:    "cache verify",
		summary: "read all artifacts of the cache, and remove those that are damaged",
		help: `
A step verifies what it takes from the cache, so this is never needed for safety: it tells whether the storage keeps what it is given. The
exit code is 1 if anything was damaged.

example:
  gwe cache verify`,
		setUp: func(flags *pflag.FlagSet) action {
			open := cacheFlag(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				store, path, err := open(operands)
				if err != nil {
					return err
				}
				good, damaged, err := verifyCache(ctx, console, store)
				if err != nil {
					return err
				}
				if console.global.output == "json" {
					err = writeJSON(console.stdout, map[string]any{"good": good, "damaged": damaged})
				} else {
					_, err = fmt.Fprintf(console.stdout, "%d in %s are as they should be\n", good, path)
				}
				if err == nil && len(damaged) > 0 {
					err = fault.New(fault.Failed, "cache-damaged", "%d entries of the cache %s had another content, and were removed", len(damaged), path).
						WithHint("the storage may be failing: see the kernel's log")
				}
				return err
			}
		},
	}
}

func verifyCache(ctx context.Context, console *console, store *cache.Cache) (good int, damaged []cache.Key, err error) {
	damaged = []cache.Key{}
	if store == nil {
		return 0, damaged, nil
	}
	all, err := store.List()
	if err != nil {
		return 0, nil, err
	}
	for _, one := range all {
		entry, err := store.Peek(ctx, one.Key)
		if err != nil {
			return good, damaged, err
		}
		if entry == nil {
			continue // it went meanwhile
		}
		err = entry.Verify(ctx, func(int64, int64) {})
		entry.Close()
		switch {
		case cache.IsDamaged(err):
			damaged = append(damaged, one.Key)
			warn(console, err.Error())
		case err != nil:
			return good, damaged, err
		default:
			good++
		}
	}
	return good, damaged, nil
}

func cacheCleanCommand() command {
	return command{
		name:    "cache clean",
		summary: "remove artifacts from the cache, and partial downloads",
		help: `
What was not used for longest goes first, until --keep is left: all goes where it is not given. What a run works with at the moment
stays. Partial downloads go too, but for those that go on: the next run begins them anew.

example:
  gwe cache clean --keep 500MiB`,
		setUp: func(flags *pflag.FlagSet) action {
			open := cacheFlag(flags)
			keep := flags.String("keep", "0B", "`size` that may stay")
			partial := flags.String("partial-dir", "", "`directory` of partial downloads (default beside the default cache)")
			return func(ctx context.Context, console *console, operands []string) error {
				store, _, err := open(operands)
				if err != nil {
					return err
				}
				limit, err := value.ParseSize(*keep)
				if err != nil {
					return usagef("--keep wants a size as 500MiB, not %q", *keep)
				}
				return cleanCache(ctx, console, store, limit.Bytes(), *partial)
			}
		},
	}
}

func cleanCache(ctx context.Context, console *console, store *cache.Cache, limit int64, partial string) error {
	var err error
	if partial == "" {
		if partial, err = cache.UsualPartial(); err != nil {
			return err
		}
	}
	removed, left := []cache.Info(nil), int64(0)
	if store != nil {
		if removed, left, err = store.Clean(ctx, limit); err != nil {
			return err
		}
	}
	parts, freed, err := fetch.Clean(partial)
	if err != nil {
		return err
	}
	for _, one := range removed {
		freed += one.Size
	}
	if console.global.output == "json" {
		return writeJSON(console.stdout, map[string]any{"removed": len(removed), "partial": parts, "freed": freed, "left": left})
	}
	_, err = fmt.Fprintf(console.stdout, "removed %d from the cache and %d partial downloads; freed %s, %s are left\n", len(removed), parts, value.SizeOf(freed), value.SizeOf(left))
	return err
}
