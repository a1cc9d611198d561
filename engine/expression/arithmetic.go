package expression

import (
	"math"

	"github.com/gwe-project/gwe/engine/value"
)

// arithmetic gives what + - * / % ** do with two types; nil where they do nothing.
//
//nolint:gocyclo // a table of operators and types, one case each
func arithmetic(operator string, l, r value.Type) (value.Type, calculation) {
	switch {
	case operator == "+" && isText(l) && isText(r):
		return of(value.KindString), func(e *evaluation, a, b any) any {
			e.spend(len(a.(string)) + len(b.(string)))
			return a.(string) + b.(string)
		}
	case (operator == "+" || operator == "-") && l.Kind == value.KindDuration && r.Kind == value.KindDuration:
		return l, func(_ *evaluation, a, b any) any {
			if operator == "+" {
				return must(a.(value.Duration).Add(b.(value.Duration)))
			}
			return must(a.(value.Duration).Subtract(b.(value.Duration)))
		}
	case (operator == "+" || operator == "-") && l.Kind == value.KindSize && r.Kind == value.KindSize:
		return l, func(_ *evaluation, a, b any) any {
			if operator == "+" {
				return must(a.(value.Size).Add(b.(value.Size)))
			}
			return must(a.(value.Size).Subtract(b.(value.Size)))
		}
	case !isNumber(l) || !isNumber(r):
		return value.Type{}, nil
	}
	whole := l.Kind == value.KindInt && r.Kind == value.KindInt
	switch operator {
	case "/":
		return of(value.KindFloat), func(_ *evaluation, a, b any) any {
			if toFloat(b) == 0 {
				fail("division by zero")
			}
			return finite(toFloat(a) / toFloat(b))
		}
	case "**", "^":
		return of(value.KindFloat), func(_ *evaluation, a, b any) any { return finite(math.Pow(toFloat(a), toFloat(b))) }
	case "%":
		if !whole {
			return value.Type{}, nil
		}
		return of(value.KindInt), func(_ *evaluation, a, b any) any {
			if b.(int) == 0 {
				fail("division by zero")
			}
			return a.(int) % b.(int)
		}
	}
	if !whole {
		return of(value.KindFloat), func(_ *evaluation, a, b any) any { return floats(operator, toFloat(a), toFloat(b)) }
	}
	return of(value.KindInt), func(_ *evaluation, a, b any) any {
		switch operator {
		case "+":
			return addInts(a.(int), b.(int))
		case "-":
			return subtractInts(a.(int), b.(int))
		}
		return multiplyInts(a.(int), b.(int))
	}
}

func floats(operator string, a, b float64) any {
	switch operator {
	case "+":
		return finite(a + b)
	case "-":
		return finite(a - b)
	}
	return finite(a * b)
}

func toFloat(v any) float64 {
	if whole, ok := v.(int); ok {
		return float64(whole)
	}
	return v.(float64)
}

func finite(result float64) float64 {
	if math.IsInf(result, 0) || math.IsNaN(result) {
		fail("the result is not a number, or too big")
	}
	return result
}

func addInts(a, b int) int {
	if sum := a + b; (sum > a) == (b > 0) {
		return sum
	}
	fail("%d + %d is too big for an int", a, b)
	return 0
}

func subtractInts(a, b int) int {
	if difference := a - b; (difference < a) == (b > 0) {
		return difference
	}
	fail("%d - %d is too big for an int", a, b)
	return 0
}

func multiplyInts(a, b int) int {
	product := a * b
	if a != 0 && (product/a != b || a == -1 && b == math.MinInt) {
		fail("%d * %d is too big for an int", a, b)
	}
	return product
}

// must gives a result, or ends the evaluation with the error.
func must[T any](result T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return result
}
