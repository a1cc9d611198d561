package expression

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/value"
)

// listFunctions are expr's, and those of sprig's that compare elements: they compare as == does.
var listFunctions = map[string]function{
	"len": {signatures: []string{"len(string) int", "len(list<any>) int", "len(map<any>) int"}, call: func(_ *evaluation, arguments []any) any {
		switch typed := arguments[0].(type) {
		case string:
			return utf8.RuneCountInString(typed)
		case []any:
			return len(typed)
		}
		return len(arguments[0].(map[string]any))
	}},
	"first": {signatures: []string{"first(list<T>) T?"}, call: func(_ *evaluation, arguments []any) any { return elementAt(arguments[0].([]any), 0) }},
	"last": {signatures: []string{"last(list<T>) T?"}, call: func(_ *evaluation, arguments []any) any {
		list := arguments[0].([]any)
		return elementAt(list, len(list)-1)
	}},
	"get": {signatures: []string{"get(list<T>, int) T?", "get(map<T>, string) T?"}, call: func(_ *evaluation, arguments []any) any {
		if list, ok := arguments[0].([]any); ok {
			index := arguments[1].(int)
			if index < 0 {
				index += len(list)
			}
			return elementAt(list, index)
		}
		return arguments[0].(map[string]any)[arguments[1].(string)]
	}},
	"take": {signatures: []string{"take(list<T>, int) list<T>"}, call: func(_ *evaluation, arguments []any) any {
		list, count := arguments[0].([]any), arguments[1].(int)
		if count < 0 {
			fail("%d elements cannot be taken", count)
		}
		_, to := bounds(0, count, len(list))
		return list[:to:to]
	}},
	"reverse": {signatures: []string{"reverse(list<T>) list<T>"}, call: func(_ *evaluation, arguments []any) any {
		list := slices.Clone(arguments[0].([]any))
		slices.Reverse(list)
		return list
	}},
	"concat": {signatures: []string{"concat(list<T>, list<T>...) list<T>"}, call: func(_ *evaluation, arguments []any) any {
		joined := []any{}
		for _, list := range arguments {
			joined = append(joined, list.([]any)...)
		}
		return joined
	}},
	"flatten": {signatures: []string{"flatten(list<nested>) list<nested>"}, call: func(e *evaluation, arguments []any) any {
		return flattened(e, []any{}, arguments[0].([]any))
	}},
	"slice": {signatures: []string{"slice(list<T>, int...) list<T>"}, last: true, call: func(e *evaluation, arguments []any) any {
		if len(arguments[0].([]any)) == 0 {
			return []any{} // where sprig has nil
		}
		return sprigSlice(e, arguments)
	}},
	"uniq": {signatures: []string{"uniq(list<T>) list<T>"}, call: func(e *evaluation, arguments []any) any {
		kept := []any{}
		for _, element := range arguments[0].([]any) {
			if !contains(e, kept, element) {
				kept = append(kept, element)
			}
		}
		return kept
	}},
	"has": {signatures: []string{"has(T, list<T>) bool"}, last: true, call: func(e *evaluation, arguments []any) any {
		return contains(e, arguments[1].([]any), arguments[0])
	}},
	"without": {signatures: []string{"without(list<T>, T...) list<T>"}, last: true, call: func(e *evaluation, arguments []any) any {
		kept := []any{}
		for _, element := range arguments[0].([]any) {
			if !contains(e, arguments[1:], element) {
				kept = append(kept, element)
			}
		}
		return kept
	}},
	"sort": {signatures: []string{"sort(list<ordered>, string?) list<ordered>"}, call: func(_ *evaluation, arguments []any) any {
		sorted := slices.Clone(arguments[0].([]any))
		slices.SortStableFunc(sorted, compare)
		if len(arguments) == 2 {
			switch arguments[1] {
			case "desc":
				slices.Reverse(sorted)
			case "asc":
			default:
				fail(`the order of sort is "asc" or "desc"`)
			}
		}
		return sorted
	}},
	"keys": {signatures: []string{"keys(map<any>) list<string>"}, call: func(_ *evaluation, arguments []any) any {
		return anyList(sortedKeys(arguments[0]))
	}},
	"values": {signatures: []string{"values(map<T>) list<T>"}, call: func(_ *evaluation, arguments []any) any {
		list := []any{}
		for _, key := range sortedKeys(arguments[0]) {
			list = append(list, arguments[0].(map[string]any)[key])
		}
		return list
	}},
	"toPairs": {signatures: []string{"toPairs(map<any>) list<list<any>>"}, call: func(_ *evaluation, arguments []any) any {
		list := []any{}
		for _, key := range sortedKeys(arguments[0]) {
			list = append(list, []any{key, arguments[0].(map[string]any)[key]})
		}
		return list
	}},
	"fromPairs": {signatures: []string{"fromPairs(list<list<T>>) map<T>"}, call: func(_ *evaluation, arguments []any) any {
		values := map[string]any{}
		for _, each := range arguments[0].([]any) {
			pair := each.([]any)
			if len(pair) != 2 {
				fail("fromPairs wants pairs, found a list of %d", len(pair))
			}
			key, ok := pair[0].(string)
			if !ok {
				fail("the first of a pair is a text")
			}
			values[key] = pair[1]
		}
		return values
	}},
	"hasKey": {signatures: []string{"hasKey(map<any>, string) bool"}, last: true, call: func(_ *evaluation, arguments []any) any {
		return arguments[0].(map[string]any)[arguments[1].(string)] != nil
	}},
	"pick": {signatures: []string{"pick(map<T>, string...) map<T>"}, last: true, call: func(_ *evaluation, arguments []any) any {
		return choose(arguments, true)
	}},
	"omit": {signatures: []string{"omit(map<T>, string...) map<T>"}, last: true, call: func(_ *evaluation, arguments []any) any {
		return choose(arguments, false)
	}},
	"list": {signatures: []string{"list(T...) list<T>"}, last: true, call: func(_ *evaluation, arguments []any) any { return arguments }},
}

// sprigSlice is sprig's slice.
var sprigSlice = fromSprig("mustSlice", "slice(list<T>, int...) list<T>").call

// flattened appends what is in a list, and in all lists in it.
func flattened(e *evaluation, to, list []any) []any {
	e.spend(elementBudget)
	for _, element := range list {
		if inner, ok := element.([]any); ok {
			to = flattened(e, to, inner)
		} else {
			to = append(to, element)
		}
	}
	return to
}

func elementAt(list []any, index int) any {
	if index < 0 || index >= len(list) {
		return nil
	}
	return list[index]
}

func contains(e *evaluation, list []any, wanted any) bool {
	e.spendProduct(len(list), weigh(wanted, e.left))
	return slices.ContainsFunc(list, func(element any) bool { return equal(element, wanted) })
}

func choose(arguments []any, named bool) any {
	chosen := map[string]any{}
	for key, v := range arguments[0].(map[string]any) {
		if slices.Contains(arguments[1:], any(key)) == named {
			chosen[key] = v
		}
	}
	return chosen
}

func sortedKeys(v any) []string { return slices.Sorted(maps.Keys(v.(map[string]any))) }

func anyList(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}

func texts(list []any) []string {
	all := make([]string, 0, len(list))
	for _, element := range list {
		all = append(all, value.Text(element))
	}
	return all
}
