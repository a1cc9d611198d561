package expression

import (
	"errors"
	"fmt"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// budget bounds the work of one evaluation: about one unit for each byte of text and 16 for each element and
// each round of a closure.
const (
	budget        = 16 << 20
	elementBudget = 16
)

// evaluation is one run of an expression.
type evaluation struct {
	names map[string]any
	// slots hold let's variables and the elements of closures.
	slots []any
	left  int
	// computed is told what is made of secrets, once one was opened; nil where nobody wants to know.
	computed func(text string)
}

// failure carries an error up to guarded; it never leaves the package.
type failure struct{ err error }

// fail ends the evaluation.
func fail(format string, arguments ...any) {
	panic(failure{fault.New(fault.Failed, "expression-failed", format, arguments...)})
}

// spend takes units from the budget.
func (e *evaluation) spend(units int) {
	if units < 0 || units > e.left {
		panic(failure{fault.New(fault.Failed, "expression-too-big", "the expression makes too much").
			WithHint("one evaluation may handle %d MiB of text, or half a million elements", budget>>20)})
	}
	e.left -= units
}

// guarded runs an evaluation and gives its failure as an error. A panic that is not a failure of ours comes
// from a value that is not of the type that the scope promised, or from a function of sprig.
func guarded(evaluate func(*evaluation) any, names map[string]any, slots int) (result any, err error) {
	defer func() {
		switch recovered := recover().(type) {
		case nil:
		case failure:
			err = recovered.err
		default:
			err = fault.New(fault.Errored, "expression-broken", "the expression met a value of an unexpected kind").
				WithCause(fmt.Errorf("%v", recovered))
		}
	}()
	run := &evaluation{names: names, slots: make([]any, slots), left: budget}
	result = evaluate(run)
	// A short list may stand for much text, when its elements are the same one: nobody shall have to write it
	// out.
	run.spendOn(result)
	return result, nil
}

// withhold hides an error that could show a secret.
func withhold(err error) error {
	if err == nil {
		return nil
	}
	code := "expression-failed"
	var found *fault.Fault
	if errors.As(err, &found) {
		code = found.Code
	}
	return fault.New(fault.Failed, code, "the expression failed; why is not shown, because it touches a secret")
}

// open gives a value with its secrets as plain text, and finds out who wants to know what becomes of them.
func (e *evaluation) open(v any) any {
	switch typed := v.(type) {
	case value.Secret:
		if told := typed.Computed(); told != nil {
			e.computed = told
		}
		return typed.Reveal()
	case []any:
		list := make([]any, 0, len(typed))
		for _, element := range typed {
			list = append(list, e.open(element))
		}
		return list
	case map[string]any:
		values := make(map[string]any, len(typed))
		for key, element := range typed {
			values[key] = e.open(element)
		}
		return values
	}
	return v
}

// spendOn takes what it costs to look at all of some values.
func (e *evaluation) spendOn(values ...any) {
	units := 0
	for _, v := range values {
		units += weigh(v, e.left-units)
	}
	e.spend(units)
}

// weigh measures a value in units of the budget. It stops soon after the limit, because elements that are
// shared can make a value far bigger than its memory.
func weigh(v any, limit int) int {
	units := 1
	switch typed := v.(type) {
	case string:
		units += len(typed)
	case []any:
		units += elementBudget * len(typed)
		for _, element := range typed {
			if units > limit {
				break
			}
			units += weigh(element, limit-units)
		}
	case map[string]any:
		units += elementBudget * len(typed)
		for key, element := range typed {
			if units > limit {
				break
			}
			units += len(key) + weigh(element, limit-units)
		}
	}
	return units
}

// equal compares two values of comparable types.
func equal(a, b any) bool {
	switch typed := a.(type) {
	case int:
		if float, ok := b.(float64); ok {
			return float64(typed) == float
		}
	case float64:
		if whole, ok := b.(int); ok {
			return typed == float64(whole)
		}
	case value.Version:
		other, ok := b.(value.Version)
		return ok && typed.Compare(other) == 0
	case []any:
		other, ok := b.([]any)
		if !ok || len(typed) != len(other) {
			return false
		}
		for i := range typed {
			if !equal(typed[i], other[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(typed) != len(other) {
			return false
		}
		for key := range typed {
			if match, there := other[key]; !there || !equal(typed[key], match) {
				return false
			}
		}
		return true
	}
	if _, list := b.([]any); list {
		return false
	}
	if _, values := b.(map[string]any); values {
		return false
	}
	return a == b
}
