package program

import (
	"encoding/json"
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// Evaluate gives the items: of a map those of its keys, in their order.
func (i *Items) Evaluate(names map[string]any) (runstate.ItemsRecord, error) {
	v, err := i.Value.Evaluate(names)
	if err != nil {
		return runstate.ItemsRecord{}, err
	}
	record := runstate.ItemsRecord{Items: []json.RawMessage{}}
	add := func(number int, item any) error {
		raw, err := value.ToJSON(i.TypeOf(number, record.Keys), item)
		record.Items = append(record.Items, raw)
		return err
	}
	switch v := v.(type) {
	case []any:
		for number, item := range v {
			if err := add(number, item); err != nil {
				return record, err
			}
		}
	case map[string]any:
		for key := range v {
			record.Keys = append(record.Keys, key)
		}
		slices.Sort(record.Keys)
		for number, key := range record.Keys {
			if err := add(number, v[key]); err != nil {
				return record, err
			}
		}
	default:
		return record, fault.New(fault.Failed, "for-each-invalid", "it is neither a list nor a map")
	}
	return record, nil
}

// TitledByItem reports whether the step's name tells one round from another.
func (n *Node) TitledByItem() bool {
	return n.Title != nil && slices.ContainsFunc(n.Title.References(), func(r expression.Reference) bool {
		return r.Path[0] == "item" || r.Path[0] == "index"
	})
}

// ItemText is the item of a round for people: of a map its key.
func ItemText(names map[string]any) string {
	item, ok := names["index"].(string)
	if !ok {
		item = value.Text(names["item"])
	}
	if characters := []rune(item); len(characters) > 60 {
		item = string(characters[:60]) + "..."
	}
	return item
}
