package cache

import (
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
)

// Usual is the cache of this process's user: /var/cache/gwe/artifacts for root, else gwe/artifacts in the
// user's cache directory. Its fault is cache-nowhere.
func Usual() (string, error) { return below("artifacts") }

// UsualPartial is where that user's partial downloads are, beside it.
func UsualPartial() (string, error) { return below("partial") }

func below(name string) (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join("/var/cache/gwe", name), nil
	}
	above, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.Refused, "cache-nowhere", "there is no cache directory for this user").WithCause(err).
			WithHint("name the directories, or set HOME or XDG_CACHE_HOME")
	}
	return filepath.Join(above, "gwe", name), nil
}
