//go:build amd64

package main

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/scripts/crash/trace"

	"github.com/gwe-project/gwe/scripts/gateway"
)

// recoveries kills a gwe, and then its recovery at the first point at which the disk is in a new state. What
// that leaves is recovered and judged, and its recovery is killed likewise, until there are no new states. A
// chain of kills is made again for each next one: a copy of the disk would have other inodes, and a step
// knows what it made by them.
func (c *run) recoveries(ctx context.Context, s *site, o one) (all verdict) {
	pending := [][]disturbance{o.disturbances}
	for len(pending) > 0 && ctx.Err() == nil {
		chain := pending[0]
		r := s.fresh()
		var v verdict
		var point string
		gateway.Within(func() {
			if !s.follow(chain) || len(chain) == 1 && len(pending) == 1 && all.End == "" && !c.isNew(s, chain[0]) {
				return
			}
			if point = c.killRecovery(s, chain[0]); point != "" {
				s.settle(chain[0], &v)
			}
		})
		if point == "" && !r.Failed() {
			pending = pending[1:]
			continue
		}
		longer := append(slices.Clone(chain), disturbance{"kill-before", point})
		c.add(&all, o, longer, v, r)
		if r.Failed() {
			break
		}
		pending = append(pending, longer)
	}
	return all
}

// follow brings the machine to where a chain of kills leaves it. It is false where one of them did not come.
func (s *site) follow(chain []disturbance) bool {
	for n, d := range chain {
		happened := false
		s.disturbed(n, chain[0], d.decide(&happened))
		if !happened {
			return false
		}
		s.Withdraw()
	}
	return true
}

// killRecovery recovers, and kills that at the first point at which the disk is in a new state, "" where
// there is none.
func (c *run) killRecovery(s *site, first disturbance) (point string) {
	s.recoversTraced(s.wayOf(first), func(at trace.Point) trace.Action {
		if !c.isNew(s, first) {
			return trace.GoOn()
		}
		point = at.String()
		return trace.KillBefore()
	})
	return point
}

// isNew tells, once for each way to recover, whether the disk is in a state that was never seen.
func (c *run) isNew(s *site, first disturbance) bool {
	key := s.change.Name + " " + s.wayOf(first).String() + " " + s.fingerprint()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.seen[key] {
		return false
	}
	c.seen[key] = true
	return true
}

// add counts one killed recovery.
func (c *run) add(all *verdict, o one, chain []disturbance, v verdict, r *gateway.Findings) {
	if v.End != "" {
		all.End = v.End
	}
	v.Violations = r.Violations
	if r.Failed() {
		all.Violations = append(all.Violations, r.Violations...)
		c.report(o, chain, v)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.recovered++
	c.progress()
}
