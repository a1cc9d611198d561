package expression

import (
	"math"
	"slices"
)

// numberFunctions are expr's.
var numberFunctions = map[string]function{
	"abs": {signatures: []string{"abs(N) N"}, call: func(_ *evaluation, arguments []any) any {
		if whole, ok := arguments[0].(int); ok {
			if whole < 0 {
				return subtractInts(0, whole)
			}
			return whole
		}
		return math.Abs(arguments[0].(float64))
	}},
	"ceil":    {signatures: []string{"ceil(float) float"}, call: onFloat(math.Ceil)},
	"floor":   {signatures: []string{"floor(float) float"}, call: onFloat(math.Floor)},
	"round":   {signatures: []string{"round(float) float"}, call: onFloat(math.Round)},
	"max":     {signatures: []string{"max(list<ordered>) ordered", "max(ordered, ordered...) ordered"}, call: extreme("max", 1)},
	"min":     {signatures: []string{"min(list<ordered>) ordered", "min(ordered, ordered...) ordered"}, call: extreme("min", -1)},
	"mean":    {signatures: []string{"mean(list<float>) float", "mean(float, float...) float"}, call: mean},
	"median":  {signatures: []string{"median(list<float>) float", "median(float, float...) float"}, call: median},
	"bitand":  {signatures: []string{"bitand(int, int) int"}, call: onInts(func(a, b int) int { return a & b })},
	"bitor":   {signatures: []string{"bitor(int, int) int"}, call: onInts(func(a, b int) int { return a | b })},
	"bitxor":  {signatures: []string{"bitxor(int, int) int"}, call: onInts(func(a, b int) int { return a ^ b })},
	"bitnand": {signatures: []string{"bitnand(int, int) int"}, call: onInts(func(a, b int) int { return a &^ b })},
	"bitnot":  {signatures: []string{"bitnot(int) int"}, call: func(_ *evaluation, arguments []any) any { return ^arguments[0].(int) }},
	"bitshl":  {signatures: []string{"bitshl(int, int) int"}, call: onInts(func(a, b int) int { return a << shift(b) })},
	"bitshr":  {signatures: []string{"bitshr(int, int) int"}, call: onInts(func(a, b int) int { return a >> shift(b) })},
	"bitushr": {signatures: []string{"bitushr(int, int) int"}, call: onInts(func(a, b int) int { return int(uint(a) >> shift(b)) })},
}

func shift(by int) int {
	if by < 0 {
		fail("bits cannot be shifted by %d", by)
	}
	return by
}

func onFloat(apply func(float64) float64) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any { return apply(toFloat(arguments[0])) }
}

func onInts(apply func(a, b int) int) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any { return apply(arguments[0].(int), arguments[1].(int)) }
}

// elements takes f([a, b]) and f(a, b) for the same.
func elements(name string, arguments []any) []any {
	list := arguments
	if len(arguments) == 1 {
		if inner, ok := arguments[0].([]any); ok {
			list = inner
		}
	}
	if len(list) == 0 {
		fail("%s of an empty list", name)
	}
	return list
}

func extreme(name string, sign int) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any {
		list := elements(name, arguments)
		best := list[0]
		for _, candidate := range list[1:] {
			if compare(candidate, best)*sign > 0 {
				best = candidate
			}
		}
		return best
	}
}

func mean(_ *evaluation, arguments []any) any {
	list := elements("mean", arguments)
	sum := 0.0
	for _, element := range list {
		sum += toFloat(element)
	}
	return finite(sum / float64(len(list)))
}

func median(_ *evaluation, arguments []any) any {
	var numbers []float64
	for _, element := range elements("median", arguments) {
		numbers = append(numbers, toFloat(element))
	}
	slices.Sort(numbers)
	middle := len(numbers) / 2
	if len(numbers)%2 == 1 {
		return numbers[middle]
	}
	return finite((numbers[middle-1] + numbers[middle]) / 2)
}
