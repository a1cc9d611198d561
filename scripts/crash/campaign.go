//go:build amd64

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// settings are the flags.
type settings struct {
	program, results string
	changes, hows    []string
	at               string
	sample, workers  int
	seed             uint64
	first            bool
}

// changes are all that are disturbed.
func changes() []gateway.Change { return slices.Concat(gateway.Changes, gateway.SelfUpdates) }

// chosen are the changes that the settings ask for.
func (s settings) chosen() (chosen []gateway.Change) {
	for _, change := range changes() {
		if len(s.changes) == 0 || slices.Contains(s.changes, change.Name) {
			chosen = append(chosen, change)
		}
	}
	return chosen
}

// recovery is the how of the trials that kill recoveries.
const recovery = "recovery"

// one is a trial of a campaign.
type one struct {
	change       gateway.Change
	disturbances []disturbance
	// recoveries asks for all kills of the recovery that follows, not for a verdict of its own.
	recoveries bool
}

func (o one) how() string {
	if o.recoveries {
		return recovery
	}
	return o.disturbances[0].how
}

func (o one) String() string {
	text := o.change.Name + ": " + o.disturbances[0].String()
	if o.recoveries {
		text += ", and its recovery"
	}
	return text
}

// campaign makes all trials that the settings ask for, in an order that the seed gives, and prints counts and
// violations.
func campaign(ctx context.Context, tracers []*trace.Tracer, base string, settings settings) error {
	began := time.Now()
	c := &run{settings: settings, tracers: tracers, base: base, seen: map[string]bool{}, counts: map[string]int{}}
	var err error
	if c.vendor, err = vendor(base, settings, settings.chosen()...); err != nil {
		return err
	}
	all, err := c.plan()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(settings.seed, 0))
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	if settings.sample > 0 {
		all = all[:min(settings.sample, len(all))]
	}
	if c.results, err = openResults(settings.results, digest(settings.program)); err != nil {
		return err
	}
	defer c.results.close()
	c.total = len(all)
	fmt.Printf("crash: %d trials, seed %d, results in %s\n", c.total, settings.seed, settings.results)
	c.work(ctx, all)
	c.summary(began)
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped; the same command continues from here")
	case c.violations > 0:
		return fmt.Errorf("%d trials with violations", c.violations)
	case c.done == 0:
		return errors.New("nothing was tried")
	}
	return nil
}

// run is a campaign on its way.
type run struct {
	settings settings
	tracers  []*trace.Tracer
	base     string
	vendor   gateway.Vendor
	results  *results

	mutex sync.Mutex
	// seen are the states of the disk from which a recovery was tried.
	seen                               map[string]bool
	counts                             map[string]int
	total, done, recovered, violations int
	shown                              time.Time
}

// plan lists the points of every change, and with them the trials.
func (c *run) plan() (all []one, err error) {
	for _, change := range c.settings.chosen() {
		s, r := arrange(c.tracers[0], change, c.base, c.settings, c.vendor)
		var list []string
		if s != nil {
			gateway.Within(func() {
				change.Ready(s.Gateway)
				list = s.points(s.Arguments(change)...)
			})
		}
		r.Clean()
		if r.Failed() {
			return nil, errors.New(strings.Join(r.Violations, "\n"))
		}
		fmt.Printf("crash: %s has %d points\n", change.Name, len(list))
		for _, point := range list {
			if !strings.Contains(point, c.settings.at) {
				continue
			}
			for _, how := range append(slices.Clone(hows), recovery) {
				o := one{change: change, disturbances: []disturbance{{how, point}}}
				if o.recoveries = how == recovery; o.recoveries {
					o.disturbances[0].how = "kill-before"
				}
				if o.disturbances[0].applies() && (len(c.settings.hows) == 0 || slices.Contains(c.settings.hows, how)) {
					all = append(all, o)
				}
			}
		}
	}
	return all, nil
}

// work makes the trials, some at a time. Each worker has machines of its own.
func (c *run) work(ctx context.Context, all []one) {
	queue := make(chan one)
	var workers sync.WaitGroup
	for _, tracer := range c.tracers {
		workers.Go(func() {
			sites := map[string]*site{}
			var reporters []*gateway.Findings
			for o := range queue {
				s := sites[o.change.Name]
				if s == nil {
					var r *gateway.Findings
					s, r = arrange(tracer, o.change, c.base, c.settings, c.vendor)
					reporters = append(reporters, r)
					if r.Failed() {
						c.report(o, o.disturbances, verdict{Violations: r.Violations})
						continue
					}
					sites[o.change.Name] = s
				}
				c.make(ctx, s, o)
			}
			for _, r := range reporters {
				r.Clean()
			}
		})
	}
	for _, o := range all {
		if ctx.Err() != nil || c.settings.first && c.violated() {
			break
		}
		queue <- o
	}
	close(queue)
	workers.Wait()
}

func (c *run) violated() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.violations > 0
}

// make makes one trial, unless an earlier campaign has.
func (c *run) make(ctx context.Context, s *site, o one) {
	if old, ok := c.results.known(o.String()); ok {
		c.count(o, old)
		return
	}
	if o.recoveries {
		v := c.recoveries(ctx, s, o)
		if ctx.Err() == nil {
			c.results.add(o.String(), v)
			c.count(o, v)
		}
		return
	}
	v := s.try(o.disturbances)
	if len(v.Violations) > 0 {
		c.report(o, o.disturbances, v)
	}
	c.results.add(o.String(), v)
	c.count(o, v)
}

// report prints a violation, with the command that repeats it.
func (c *run) report(o one, disturbances []disturbance, v verdict) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	fmt.Printf("\nVIOLATION %s (gwe ended with %d)\n  %s\n  repeat: %s\n\n", o, v.Code,
		strings.ReplaceAll(strings.Join(v.Violations, "\n"), "\n", "\n  "), describe(c.settings.seed, o.change, disturbances))
}

// count adds a verdict up, and shows progress every few seconds.
func (c *run) count(o one, v verdict) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done++
	if len(v.Violations) > 0 {
		c.violations++
	}
	end := v.End
	switch {
	case end != "":
	case o.recoveries:
		end = "no new state"
	default:
		end = "not reached"
	}
	c.counts[o.how()+" "+end]++
	c.progress()
}

// progress shows how far it is, every few seconds.
func (c *run) progress() {
	if time.Since(c.shown) > 10*time.Second {
		c.shown = time.Now()
		fmt.Printf("crash: %d of %d trials, %d recoveries killed, %d violations\n", c.done, c.total, c.recovered, c.violations)
	}
}

func (c *run) summary(began time.Time) {
	fmt.Printf("\ncrash: %d of %d trials, %d recoveries killed, %d states of the disk, %d violations, seed %d, in %s\n",
		c.done, c.total, c.recovered, len(c.seen), c.violations, c.settings.seed, time.Since(began).Round(time.Second))
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Printf("  %-24s %6d\n", name, c.counts[name])
	}
}

// vendor packs what changes need.
func vendor(base string, settings settings, changes ...gateway.Change) (made gateway.Vendor, err error) {
	r := gateway.NewFindings(base)
	gateway.Within(func() {
		made = gateway.NewVendor(r)
		if slices.ContainsFunc(changes, gateway.Change.ReplacesGwe) {
			made.PackGwe(r, settings.program)
		}
	})
	if r.Failed() {
		err = errors.New(strings.Join(r.Violations, "\n"))
	}
	return made, err
}

// digest names a gwe: the results of one say nothing of another.
func digest(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	sum := sha256.New()
	_, _ = io.Copy(sum, file)
	return fmt.Sprintf("%x", sum.Sum(nil))
}
