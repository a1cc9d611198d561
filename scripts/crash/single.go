//go:build amd64

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// prepare makes a site for a change that is named.
func prepare(tracer *trace.Tracer, base string, settings settings, name string) (*site, func(), error) {
	for _, change := range changes() {
		if change.Name != name {
			continue
		}
		made, err := vendor(base, settings, change)
		if err != nil {
			return nil, nil, err
		}
		s, r := arrange(tracer, change, base, settings, made)
		if r.Failed() {
			r.Clean()
			return nil, nil, errors.New(strings.Join(r.Violations, "\n"))
		}
		return s, r.Clean, nil
	}
	return nil, nil, fmt.Errorf("there is no change %q", name)
}

// points prints the points of a change.
func points(tracer *trace.Tracer, base string, settings settings, name string) error {
	s, clean, err := prepare(tracer, base, settings, name)
	if err != nil {
		return err
	}
	defer clean()
	r := s.fresh()
	gateway.Within(func() {
		for _, point := range s.points(s.Arguments(s.change)...) {
			fmt.Println(point)
		}
	})
	return errors.Join(asErrors(r.Violations)...)
}

// try makes one trial and shows all that gwe said in it.
func try(tracer *trace.Tracer, base string, settings settings, name string, texts []string) error {
	var disturbances []disturbance
	for _, text := range texts {
		d, err := parse(text)
		if err != nil {
			return err
		}
		disturbances = append(disturbances, d)
	}
	s, clean, err := prepare(tracer, base, settings, name)
	if err != nil {
		return err
	}
	defer clean()
	v := s.try(disturbances)
	fmt.Print(v.said)
	if v.End == "" {
		return errors.New("the point never came")
	}
	fmt.Printf("\ncrash: gwe ended with %d; after recovery the machine is %s\n", v.Code, v.End)
	return errors.Join(asErrors(v.Violations)...)
}

func asErrors(texts []string) (list []error) {
	for _, text := range texts {
		list = append(list, errors.New(text))
	}
	return list
}
