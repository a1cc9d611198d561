package claim

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/regular"
)

// Holder is whoever makes a claim.
type Holder struct {
	// State is the state directory, and Run the id of the run; "" where it has none yet.
	State string `json:"state"`
	Run   string `json:"run,omitempty"`
	// Inside is the run whose step started this process; "" where none did. What lies below a directory of
	// that run is free for it.
	Inside string `json:"-"`
}

// content is what the file of a claim says. A process that dies while it writes holds the claim no more.
type content struct {
	process.Identity
	Holder
	Extents []Extent `json:"extents"`
}

// Claim is held by this process until Release or its death.
type Claim struct {
	place Place
	file  *os.File
	path  string
	says  content
	// shared is true for one that was inherited: the process that made it releases it.
	shared bool
}

const suffix = ".claim"

// Take claims the extents, or says at once who holds one that overlaps, with a *durable.BusyError. Claims of
// mine do not matter to it.
func (p Place) Take(holder Holder, extents []Extent, mine ...*Claim) (*Claim, error) {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	claimed := &Claim{place: p, says: content{Identity: self, Holder: holder}}
	if err := claimed.Add(extents, mine...); err != nil {
		return nil, err
	}
	return claimed, nil
}

// Add claims more extents.
func (c *Claim) Add(extents []Extent, mine ...*Claim) error {
	unlock, err := c.place.enter()
	if err != nil {
		return err
	}
	defer func() { unlock() }()
	for begun := time.Now(); ; {
		busy, dead, err := c.place.conflict(c.says.Holder, extents, append(mine, c))
		switch {
		case err != nil:
			return err
		case busy != nil && dead && time.Since(begun) < durable.Inheritance:
			unlock()
			time.Sleep(5 * time.Millisecond)
			if unlock, err = c.place.enter(); err != nil {
				unlock = func() {}
				return err
			}
			continue
		case busy != nil:
			return busy
		}
		c.says.Extents = append(c.says.Extents, extents...)
		return c.write()
	}
}

// Name says which run the claim is for.
func (c *Claim) Name(run string) {
	if c.says.Run == run {
		return
	}
	c.says.Run = run
	if unlock, err := c.place.enter(); err == nil { // or a gwe that looks at this moment would read half of it
		defer unlock()
		_ = c.write()
	}
}

// Extents are what is claimed.
func (c *Claim) Extents() []Extent { return c.says.Extents }

// File is what the claim is on. A program that is started with it shares the claim: it is free when both have
// ended.
func (c *Claim) File() *os.File { return c.file }

// Release frees the claim. It may be called twice, and on nil.
func (c *Claim) Release() {
	if c == nil || c.file == nil {
		return
	}
	if !c.shared {
		_ = os.Remove(c.path)
	}
	_ = c.file.Close()
	c.file = nil
}

// Inherit is the claim that the process which started this one shares with it: file is what File gave there.
// It is nil for a file that is not a claim of the place.
func (p Place) Inherit(file *os.File, path string, holder Holder) (*Claim, error) {
	if filepath.Dir(path) != p.Live || !strings.HasSuffix(path, suffix) {
		return nil, nil
	}
	if _, err := durable.Inherit(file, path); err != nil {
		return nil, err
	}
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	unlock, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer unlock()
	says := read(file)
	says.Identity, says.Holder = self, holder
	c := &Claim{place: p, file: file, path: path, says: says, shared: true}
	return c, c.write()
}

// write makes the file where it is missing, and says in it what is claimed. Whoever finds a claim without a
// word takes it for one on everything, so a full file system keeps nobody from claiming.
func (c *Claim) write() error {
	text, err := json.Marshal(c.says)
	if err != nil {
		return err
	}
	if c.file == nil {
		path := filepath.Join(c.place.Live, rand.Text()+suffix)
		file, err := regular.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return unusable(c.place.Live, err)
		}
		if err := durable.Flock(file); err != nil {
			_ = os.Remove(path)
			_ = file.Close()
			return unusable(c.place.Live, err)
		}
		c.file, c.path = file, path
	}
	if c.file.Truncate(0) == nil {
		if _, err := c.file.WriteAt(text, 0); err != nil {
			_ = c.file.Truncate(0)
		}
	}
	return nil
}

func read(file *os.File) (says content) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
	if err != nil || json.Unmarshal(text, &says) != nil {
		return content{}
	}
	return says
}

// mostPatient is how long another gwe may look through the claims, which takes it a moment.
const mostPatient = 10 * time.Second

// enter keeps every other gwe of the user from claiming, until unlock.
func (p Place) enter() (unlock func(), err error) {
	if err := open(p.Live); err != nil {
		return nil, err
	}
	for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		held, err := durable.Acquire(filepath.Join(p.Live, "lock"), "")
		var busy *durable.BusyError
		switch {
		case err == nil:
			return held.Release, nil
		case !errors.As(err, &busy):
			return nil, unusable(p.Live, err)
		case time.Since(begun) > mostPatient:
			return nil, err
		}
	}
}

// conflict finds a claim that keeps the extents from being claimed, and removes those that nobody holds any
// more. dead is true where its process has ended: a child that it was about to start holds the claim for a
// moment more.
func (p Place) conflict(holder Holder, extents []Extent, mine []*Claim) (busy *durable.BusyError, dead bool, err error) {
	err = p.each(func(path string) (bool, error) {
		for _, one := range mine {
			if one != nil && one.file != nil && one.path == path {
				return true, nil
			}
		}
		file, err := regular.Open(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		if err != nil {
			return false, unusable(p.Live, err)
		}
		defer file.Close()
		if durable.Flock(file) == nil {
			_ = os.Remove(path)
			return true, nil
		}
		busy = meets(file, holder, extents)
		dead = busy != nil && durable.Ended(file, busy)
		return busy == nil, nil
	})
	return busy, dead, err
}

// each visits the files of the claims, until one says that it is enough.
func (p Place) each(visit func(path string) (on bool, err error)) error {
	entries, err := os.ReadDir(p.Live)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unusable(p.Live, err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		if on, err := visit(filepath.Join(p.Live, entry.Name())); !on || err != nil {
			return err
		}
	}
	return nil
}

// meets is the claim in the file as what is in the way of the extents; nil where it is not.
func meets(file *os.File, holder Holder, extents []Extent) *durable.BusyError {
	says := read(file)
	for _, ours := range extents {
		for _, theirs := range says.Extents {
			if !ours.Overlaps(theirs) || holder.below(says, ours, theirs) {
				continue
			}
			return says.busy(file, ours.Name, theirs.Name)
		}
	}
	if len(says.Extents) == 0 && len(extents) > 0 {
		return says.busy(file, extents[0].Name, "")
	}
	return nil
}

// below reports whether a step of the claim's run started this gwe, which works below a directory of that
// run.
func (h Holder) below(says content, ours, theirs Extent) bool {
	return h.Inside != "" && h.Inside == says.Run && ours.LiesIn(theirs) && !ours.Same(theirs)
}

func (c content) busy(file *os.File, ours, theirs string) *durable.BusyError {
	busy := durable.BusyOn(ours, file, c.PID, c.Run)
	if theirs != ours {
		busy.Held = theirs
	}
	if c.PID == busy.PID && busy.RunDirectory == "" && c.Run != "" {
		busy.RunDirectory = filepath.Join(c.State, "runs", c.Run)
	}
	return busy
}

// Look finds who holds a claim that overlaps the extents; nil also where that cannot be known. It changes
// nothing, and disturbs nobody who claims at this moment.
func (p Place) Look(holder Holder, extents []Extent) (busy *durable.BusyError) {
	if len(extents) == 0 || safe(p.Live) != nil {
		return nil
	}
	_ = p.each(func(path string) (bool, error) {
		file, err := regular.Open(path, os.O_RDONLY, 0)
		if err != nil {
			return true, nil
		}
		defer file.Close()
		if durable.Held(file) && len(read(file).Extents) > 0 { // it may be about to say what it claims
			busy = meets(file, holder, extents)
		}
		return busy == nil, nil
	})
	return busy
}
