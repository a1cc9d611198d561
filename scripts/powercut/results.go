//go:build amd64 || arm64

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what became of a trial.
type result struct {
	Name string `json:"name"`
	Seed uint64 `json:"seed"`
	// Change is the one that was under way, where the name does not tell.
	Change string `json:"change,omitempty"`
	// New tells that the machine was the new one.
	New        bool     `json:"new"`
	Violations []string `json:"violations,omitempty"`
	Said       []string `json:"said,omitempty"`
	// Again is the command that tries it again, where the name is not enough.
	Again string    `json:"again,omitempty"`
	At    time.Time `json:"at"`
}

// results are those of this call and of earlier ones.
type results struct {
	seed uint64
	file *os.File

	mutex sync.Mutex
	all   map[string]result
	last  time.Time
}

// openResults reads what earlier calls found with this seed.
func openResults(s settings) (*results, error) {
	r := &results{seed: s.seed, all: map[string]result{}}
	if s.results == "" {
		return r, nil
	}
	old, err := os.Open(s.results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		lines := bufio.NewScanner(old)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var one result
			if json.Unmarshal(lines.Bytes(), &one) == nil && one.Seed == s.seed { // a torn last line is tried again
				r.all[one.Name] = one
			}
		}
		if err := errors.Join(lines.Err(), old.Close()); err != nil {
			return nil, err
		}
	}
	r.file, err = os.OpenFile(s.results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return r, err
}

func (r *results) has(name string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	_, there := r.all[name]
	return there
}

// add keeps a result, and shows a violation with the command that tries it again.
func (r *results) add(one result) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	one.At = time.Now().UTC().Truncate(time.Second)
	r.all[one.Name] = one
	if len(one.Violations) > 0 {
		if one.Again == "" {
			one.Again = fmt.Sprintf("go run ./scripts/powercut --seed %d --only '%s'", one.Seed, one.Name)
		}
		fmt.Printf("VIOLATION %s %s\n  %s\n  again: %s\n", one.Name, one.Change, strings.Join(append(one.Violations, one.Said...), "\n  "), one.Again)
	} else {
		one.Said = nil
	}
	if time.Since(r.last) > 5*time.Second {
		r.last = time.Now()
		fmt.Printf("%d trials so far, now %s\n", len(r.all), one.Name)
	}
	if r.file == nil {
		return nil
	}
	return json.NewEncoder(r.file).Encode(one)
}

func (r *results) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// report prints the totals of each kind, and gives the number of violations.
func (r *results) report() (violations int) {
	type total struct{ trials, old, fresh, violations int }
	totals := map[string]*total{}
	for name, one := range r.all {
		parts := strings.Split(name, "/")
		kind := strings.Join(parts[:min(2, len(parts))], " ")
		if totals[kind] == nil {
			totals[kind] = &total{}
		}
		sum := totals[kind]
		sum.trials++
		if one.New {
			sum.fresh++
		} else {
			sum.old++
		}
		if len(one.Violations) > 0 {
			sum.violations++
			violations++
		}
	}
	fmt.Printf("%-16s %8s %8s %8s %12s   seed %d\n", "", "trials", "old", "new", "violations", r.seed)
	for _, kind := range slices.Sorted(maps.Keys(totals)) {
		sum := totals[kind]
		fmt.Printf("%-16s %8d %8d %8d %12d\n", kind, sum.trials, sum.old, sum.fresh, sum.violations)
	}
	return violations
}
