package runstate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/value"
)

// mostOfBegin bounds the first record of a run as the journal writes it, with what the line around it has.
const mostOfBegin = journal.MaximumRecord - 4<<10

// namedBytes is what one value of the first record takes there.
type namedBytes struct {
	name  string
	bytes int
}

// Fits refuses a run whose inputs, vars and facts do not fit into the first record of its journal, and names
// the largest of them. A control character takes six bytes there.
func (r BeginRecord) Fits() error {
	text, err := EncodeRecord(r)
	if err != nil || len(text) <= mostOfBegin {
		return err
	}
	var all []namedBytes
	for kind, values := range map[string]map[string]json.RawMessage{"inputs": r.Inputs, "vars": r.Vars, "facts": r.Facts} {
		for name, raw := range values {
			all = append(all, namedBytes{kind + "." + name, len(raw)})
		}
	}
	slices.SortFunc(all, func(a, b namedBytes) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.name, b.name))
	})
	var largest []string
	for _, one := range all[:min(3, len(all))] {
		largest = append(largest, fmt.Sprintf("%s with %s", one.name, value.SizeOf(int64(one.bytes))))
	}
	return fault.New(fault.Refused, "run-values-too-large", "the inputs, vars and facts take %s of the journal, and %s are the most; the largest are %s",
		value.SizeOf(int64(len(text))), value.SizeOf(mostOfBegin), strings.Join(largest, ", ")).
		WithHint("keep large values in files, and give their paths")
}
