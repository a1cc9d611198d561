//go:build amd64

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// results are kept in a file of JSON lines, the first of which names the gwe that was tried. A campaign that
// is started again with the same gwe makes only the trials that are not in it, and those that ended badly.
type results struct {
	mutex sync.Mutex
	file  *os.File
	old   map[string]verdict
}

type resultLine struct {
	Gwe     string   `json:"gwe,omitempty"`
	Trial   string   `json:"trial,omitempty"`
	Verdict *verdict `json:"verdict,omitempty"`
}

func openResults(path, gwe string) (*results, error) {
	opened := &results{old: map[string]verdict{}}
	if old, err := os.Open(path); err == nil {
		opened.read(old, gwe)
		_ = old.Close()
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if len(opened.old) == 0 {
		flags |= os.O_TRUNC
	}
	var err error
	if opened.file, err = os.OpenFile(path, flags, 0o600); err != nil {
		return nil, err
	}
	if len(opened.old) == 0 {
		opened.line(resultLine{Gwe: gwe})
	} else {
		fmt.Printf("crash: continuing: %d trials are known already\n", len(opened.old))
	}
	return opened, nil
}

func (r *results) read(file *os.File, gwe string) {
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for first := true; lines.Scan(); first = false {
		var line resultLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // torn
		}
		if first && line.Gwe != gwe {
			fmt.Printf("crash: the results in %s are of another gwe: starting anew\n", file.Name())
			return
		}
		if line.Verdict != nil && len(line.Verdict.Violations) == 0 {
			r.old[line.Trial] = *line.Verdict
		}
	}
}

func (r *results) known(trial string) (verdict, bool) {
	v, ok := r.old[trial]
	return v, ok
}

func (r *results) add(trial string, v verdict) { r.line(resultLine{Trial: trial, Verdict: &v}) }

func (r *results) line(line resultLine) {
	text, err := json.Marshal(line)
	if err != nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	_, _ = r.file.Write(append(text, '\n'))
}

func (r *results) close() { _ = r.file.Close() }
