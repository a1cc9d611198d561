package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mainOfAttacker is a user without rights who watches the directories that root's gwe works in, and swaps
// names there while it does.
//
//	attacker MODE SEED CALM STASH VICTIM WORK PARENT...
//
// It says "ready" when it watches. After CALM events it swaps at each one, until SIGTERM; then it brings back
// what it took away, says how many events it saw, how often it swapped and how much it could not bring back,
// and ends. The modes:
//
//	watch    it only counts
//	parent   it swaps PARENT... for links to the same names of the victim, and soon back
//	stay     the same, once, until SIGTERM
//	moved    it swaps PARENT... for new directories, or for each other, and soon back
//	leaf     it swaps names in the directories for links, hard links, FIFOs and directories, and soon back
func mainOfAttacker() {
	numbers := make([]int, 2)
	for i := range numbers {
		number, err := strconv.Atoi(os.Args[2+i])
		if err != nil {
			panic(err)
		}
		numbers[i] = number
	}
	a := &swapper{
		mode: os.Args[1], random: rand.New(rand.NewPCG(uint64(numbers[0]), 1)), calm: numbers[1],
		stash: os.Args[4], victim: os.Args[5], work: os.Args[6], parents: os.Args[7:], watched: map[int32]string{},
	}
	handle, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		panic(err)
	}
	a.handle = handle
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	a.watch(a.work)
	fmt.Println("ready")
	for {
		select {
		case <-ended:
			for range a.swapped {
				a.back(0)
			}
			fmt.Println(a.events, a.swaps, a.lost)
			return
		default:
			a.step()
		}
	}
}

// swapper is that user.
type swapper struct {
	mode, stash, victim, work string
	parents                   []string
	random                    *rand.Rand
	handle                    int
	watched                   map[int32]string
	calm, events, swaps, lost int
	swapped                   []swap
	number                    int
	// rest is until when nothing is swapped: else no step of gwe's would succeed, and none be undone.
	rest time.Time
}

// swap is a name that stands for something else at present.
type swap struct {
	path, away string
	planted    uint64
	// mutual means that away is another name of the recipe's, which stands for this one.
	mutual bool
	// until is the number of the event, and the time, at which it goes back.
	until int
	late  time.Time
}

// watch watches a directory and all below it.
func (a *swapper) watch(root string) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			if number, err := unix.InotifyAddWatch(a.handle, path, unix.IN_ALL_EVENTS|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW); err == nil {
				a.watched[int32(number)] = path
			}
		}
		return nil
	})
}

// step waits shortly for events, and acts on each.
func (a *swapper) step() {
	const patience = 1 // millisecond
	buffer := make([]byte, 16<<10)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(a.handle), Events: unix.POLLIN}}, patience)
	length, err := unix.Read(a.handle, buffer)
	for rest := buffer[:max(0, length)]; err == nil && len(rest) >= unix.SizeofInotifyEvent; {
		number, mask := int32(binary.NativeEndian.Uint32(rest)), binary.NativeEndian.Uint32(rest[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(rest[12:]))
		name := string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:size], "\x00"))
		rest = rest[size:]
		dir := a.watched[number]
		if dir == "" || strings.HasPrefix(name, "away-") {
			continue
		}
		if mask&unix.IN_ISDIR != 0 && mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0 {
			a.watch(filepath.Join(dir, name))
		}
		a.events++
		a.act(dir, name)
	}
	for i := len(a.swapped) - 1; i >= 0; i-- {
		if one := a.swapped[i]; a.mode != "stay" && (a.events >= one.until || time.Now().After(one.late)) {
			a.back(i)
		}
	}
}

// act may swap something when something happens at a name.
func (a *swapper) act(dir, name string) {
	const most = 3 // at once
	if a.events < a.calm || len(a.swapped) >= most || a.mode == "stay" && a.swaps > 0 || time.Now().Before(a.rest) {
		return
	}
	switch a.mode {
	case "parent", "stay":
		path := a.parents[a.random.IntN(len(a.parents))]
		a.swap(path, a.link(a.of(path)))
	case "moved":
		path, other := a.parents[a.random.IntN(len(a.parents))], a.parents[a.random.IntN(len(a.parents))]
		if a.random.IntN(2) == 0 {
			a.swap(path, func(at string) error { return os.Mkdir(at, 0o755) })
		} else {
			a.exchange(path, other)
		}
	case "leaf":
		if name == "" || a.random.IntN(4) == 0 {
			if names, _ := os.ReadDir(dir); len(names) > 0 {
				name = names[a.random.IntN(len(names))].Name()
			}
		}
		path := filepath.Join(dir, name)
		a.swap(path, []func(string) error{
			a.link(a.of(path)), a.link(a.of(path)), a.link(filepath.Join(a.victim, "secret")), a.link(filepath.Join(a.victim, "shared")),
			func(at string) error { return os.Link(filepath.Join(a.victim, "shared"), at) },
			func(at string) error { return unix.Mkfifo(at, 0o666) },
			func(at string) error { return os.Mkdir(at, 0o777) },
			func(at string) error { return os.WriteFile(at, []byte("theirs"), 0o666) },
		}[a.random.IntN(8)])
	}
}

// of is the same name of the victim's.
func (a *swapper) of(path string) string {
	relative, err := filepath.Rel(a.work, path)
	if err != nil {
		return a.victim
	}
	return filepath.Join(a.victim, relative)
}

func (a *swapper) link(to string) func(string) error {
	return func(at string) error { return os.Symlink(to, at) }
}

// swap takes a name away and puts another thing there. A directory of root's does not go elsewhere, but may
// be renamed where it is.
func (a *swapper) swap(path string, plant func(at string) error) {
	if a.taken(path) {
		return
	}
	a.number++
	away := filepath.Join(a.stash, "away-"+strconv.Itoa(a.number))
	if plant(away) != nil {
		return
	}
	var planted unix.Stat_t
	if unix.Lstat(away, &planted) != nil {
		return
	}
	if unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, away, unix.RENAME_EXCHANGE) != nil {
		beside := filepath.Join(filepath.Dir(path), "away-"+strconv.Itoa(a.number))
		if os.Rename(path, beside) != nil {
			_ = os.Remove(away)
			return
		}
		if unix.Renameat2(unix.AT_FDCWD, away, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE) != nil {
			_ = os.Remove(away)
			if unix.Renameat2(unix.AT_FDCWD, beside, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE) != nil {
				a.lost++
			}
			return
		}
		away = beside
	}
	a.swappedFor(path, away, planted.Ino, false)
}

func (a *swapper) swappedFor(path, away string, planted uint64, mutual bool) {
	const longest = 4 * time.Millisecond
	a.swaps++
	late := time.Now().Add(time.Duration(a.random.Int64N(int64(longest))))
	a.swapped = append(a.swapped, swap{path, away, planted, mutual, a.events + 1 + a.random.IntN(12), late})
}

// exchange lets two directories stand for each other.
func (a *swapper) exchange(path, other string) {
	if within(path, other) || within(other, path) || a.taken(path) || a.taken(other) {
		return
	}
	var planted unix.Stat_t
	if unix.Lstat(other, &planted) == nil && unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE) == nil {
		a.swappedFor(path, other, planted.Ino, true)
	}
}

// taken reports whether a path lies in what is swapped at present, or the other way round: it could not be
// brought back.
func (a *swapper) taken(path string) bool {
	return slices.ContainsFunc(a.swapped, func(one swap) bool {
		return within(path, one.path) || within(one.path, path) || one.mutual && (within(path, one.away) || within(one.away, path))
	})
}

func within(path, dir string) bool { return strings.HasPrefix(path+"/", dir+"/") }

// back ends a swap, unless gwe has put something in the place of what was planted.
func (a *swapper) back(i int) {
	one := a.swapped[i]
	a.swapped = slices.Delete(a.swapped, i, i+1)
	if longest := 15 * time.Millisecond; a.random.IntN(2) == 0 {
		a.rest = time.Now().Add(time.Duration(a.random.Int64N(int64(longest))))
	}
	var now unix.Stat_t
	if unix.Lstat(one.path, &now) == nil {
		if now.Ino != one.planted {
			a.lost++
			return
		}
		if unix.Renameat2(unix.AT_FDCWD, one.path, unix.AT_FDCWD, one.away, unix.RENAME_EXCHANGE) == nil {
			if !one.mutual && os.RemoveAll(one.away) != nil {
				a.lost++ // gwe put something into what was planted
			}
			return
		}
		if one.mutual {
			a.lost++
			return
		}
		_ = os.RemoveAll(one.path)
	}
	if unix.Renameat2(unix.AT_FDCWD, one.away, unix.AT_FDCWD, one.path, unix.RENAME_NOREPLACE) != nil {
		a.lost++
	}
}
