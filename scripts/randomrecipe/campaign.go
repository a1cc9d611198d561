//go:build amd64

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
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
	supplies         supplies
	from             uint64
	seeds, trials    int
	workers          int
	limit            time.Duration
}

// result is what became of a seed, one line of the results.
type result struct {
	Seed uint64
	// Refused are the rules by which gwe validate refused the recipe.
	Refused []string `json:",omitempty"`
	Code    int
	Trials  map[string]int
	// Violations is how many trials had some.
	Violations int
	// cut tells that the campaign ended before all trials were made.
	cut bool
}

// campaign tries one seed after the other, but those that the results know.
func campaign(ctx context.Context, tracers []*trace.Tracer, base string, settings settings) error {
	known, err := read(settings.results)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(settings.results, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if settings.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, settings.limit)
		defer cancel()
	}
	queue := make(chan uint64)
	var mutex sync.Mutex
	var workers sync.WaitGroup
	shown := time.Now()
	for _, tracer := range tracers {
		workers.Go(func() {
			for seed := range queue {
				r, said := whole(ctx, tracer, base, settings, seed)
				line, _ := json.Marshal(r)
				mutex.Lock()
				known[seed] = *r
				if !r.cut { // else it is made again
					_, _ = file.Write(append(line, '\n'))
				}
				fmt.Print(said)
				if time.Since(shown) > 20*time.Second {
					shown = time.Now()
					summary(known, false)
				}
				mutex.Unlock()
			}
		})
	}
	for seed := settings.from; seed < settings.from+uint64(settings.seeds) && ctx.Err() == nil; seed++ {
		mutex.Lock()
		old, done := known[seed]
		mutex.Unlock()
		if !done || old.Violations > 0 {
			select {
			case queue <- seed:
			case <-ctx.Done():
			}
		}
	}
	close(queue)
	workers.Wait()
	violations, trials := summary(known, true)
	switch {
	case violations > 0:
		return fmt.Errorf("%d trials with violations", violations)
	case trials == 0:
		return errors.New("nothing was tried")
	case ctx.Err() != nil && settings.limit == 0:
		return errors.New("stopped; the same command continues from here")
	}
	return nil
}

func read(path string) (map[uint64]result, error) {
	known := map[uint64]result{}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r result
		if json.Unmarshal(lines.Bytes(), &r) == nil { // a torn one is made again
			known[r.Seed] = r
		}
	}
	return known, nil
}

// summary prints what all seeds came to.
func summary(known map[uint64]result, whole bool) (violations, trials int) {
	counts, codes, rules := map[string]int{}, map[int]int{}, map[string]int{}
	refused := 0
	for _, r := range known {
		violations += r.Violations
		for _, rule := range r.Refused {
			rules[rule]++
		}
		if r.Refused != nil {
			refused++
			continue
		}
		codes[r.Code]++
		for name, count := range r.Trials {
			counts[name] += count
			if !strings.HasPrefix(name, "(") { // a rollback is a part of its trial
				trials += count
			}
		}
	}
	fmt.Printf("randomrecipe: %d seeds, %d refused by gwe validate, %d trials, %d with violations\n", len(known), refused, trials, violations)
	if !whole {
		return violations, trials
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		fmt.Printf("  refused: %-24s %6d\n", rule, rules[rule])
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		fmt.Printf("  undisturbed, exit code %d %9d\n", code, codes[code])
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("  %-32s %6d\n", name, counts[name])
	}
	return violations, trials
}

// whole makes all trials of a seed.
func whole(ctx context.Context, tracer *trace.Tracer, base string, settings settings, seed uint64) (*result, string) {
	findings := gateway.NewFindings(base)
	defer findings.Clean()
	r := &result{Seed: seed, Trials: map[string]int{}}
	var said strings.Builder
	var s *site
	var e examined
	report := func(name, d string) {
		if !findings.Failed() {
			return
		}
		r.Violations++
		fmt.Fprintf(&said, "\nVIOLATION of seed %s: %s\n  %s\n  repeat: go run ./scripts/randomrecipe try %s%s\n%s\n", name, d,
			strings.ReplaceAll(strings.Join(findings.Violations, "\n"), "\n", "\n  "), name, quoted(d), strings.Join(findings.Notes, "\n"))
		findings.Forget()
	}
	gateway.Within(func() {
		s = newSite(findings, tracer, settings.program, settings.supplies, seed)
		e = s.examine()
	})
	if e.refused != "" {
		r.Refused = rulesOf(e.refused)
		return r, ""
	}
	r.Code = e.want.code
	r.Trials["undisturbed"]++
	if report(fmt.Sprintf("%d/0", seed), "undisturbed"); r.Violations > 0 {
		return r, said.String()
	}
	for n := range settings.trials {
		if r.cut = ctx.Err() != nil; r.cut {
			break
		}
		random := rand.New(rand.NewPCG(seed, 100+uint64(n)))
		d := draw(random, e)
		var v verdict
		findings.Forget()
		gateway.Within(func() { v = s.try(e, d, random) })
		r.Trials[d.how+" "+v.End]++
		if v.Rollback != "" {
			r.Trials["(rollback "+v.Rollback+")"]++
		}
		report(fmt.Sprintf("%d/%d", seed, n+1), d.String())
	}
	return r, said.String()
}

// quoted is a disturbance at a point as an argument of try: points may be counted otherwise another time.
func quoted(d string) string {
	if !strings.Contains(d, " ") {
		return ""
	}
	return " '" + strings.ReplaceAll(d, "'", `'\''`) + "'"
}

var message = regexp.MustCompile(`(?m)^\S+\.yaml:\d+:\d+: (.*)$`)

// rulesOf shortens what gwe validate said to what does not differ from recipe to recipe.
func rulesOf(said string) (rules []string) {
	for _, found := range message.FindAllStringSubmatch(said, -1) {
		rule := regexp.MustCompile(`"[^"]*"|\$\{\{.*?\}\}\S*|\d+|/\S+`).ReplaceAllString(found[1], "_")
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	if rules == nil {
		rules = []string{strings.TrimSpace(said)}
	}
	return rules
}
