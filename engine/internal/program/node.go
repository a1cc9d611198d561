package program

import (
	"fmt"
	"maps"
	"regexp"
)

// Describe says what a step without a name is.
func (n *Node) Describe() string {
	keyword := ""
	if n.Step.Action != nil {
		keyword = n.Step.Action.Keyword().Text
	}
	if n.Step.ID != nil {
		return fmt.Sprintf("%s (%s)", n.ID(), keyword)
	}
	return keyword
}

// Keyword is what the recipe says that the step does; a group's is called so.
func (n *Node) Keyword() string {
	switch {
	case As[*Group](n) != nil:
		return "group"
	case n.Step.Action == nil:
		return ""
	}
	return n.Step.Action.Keyword().Text
}

// Position is where the step stands: file:line:column.
func (n *Node) Position() string { return n.recipe.File + ":" + n.Step.Position.String() }

// MayFail reports whether the run continues where the step fails: then the step is not a check of the run's
// health.
func (n *Node) MayFail() bool {
	for at := n; at != nil; at = at.Parent {
		if at.Step.AllowFailure || As[*Group](at) != nil && len(As[*Group](at).Rescue) > 0 {
			return true
		}
	}
	return false
}

// IsRead reports whether an expression of the recipe reads the step's outputs: then it finds something out,
// and is not a check.
func (n *Node) IsRead() bool {
	return n.ID() != "" && regexp.MustCompile(`\bsteps\s*\.\s*`+regexp.QuoteMeta(n.ID())+`\b`).Match(n.recipe.Source)
}

// WithoutSecrets leaves out the arguments that touch a secret.
func (n *Node) WithoutSecrets(arguments map[string]any) map[string]any {
	rest := maps.Clone(arguments)
	for _, argument := range n.Arguments() {
		if argument.Value.Secret() {
			delete(rest, argument.Name)
		}
	}
	return rest
}

// IDs lists the ids by which the node, and what is within it, is read.
func (n *Node) IDs(known []string) []string {
	if n.leaves() && n.ID() != "" {
		known = append(known, n.ID())
	}
	var within []*Node
	if made := n.Composed(); made != nil {
		_, within = made.Inner()
	}
	for _, inner := range within {
		known = inner.IDs(known)
	}
	return known
}

// InRounds reports whether the step is one of a for-each, or in one.
func (n *Node) InRounds() bool {
	for at := n; at != nil; at = at.Parent {
		if at.Items != nil {
			return true
		}
	}
	return false
}

// InParallel reports whether the step is in a branch of a parallel.
func (n *Node) InParallel() bool {
	for at := n.Parent; at != nil; at = at.Parent {
		if As[*Parallel](at) != nil {
			return true
		}
	}
	return false
}

// SizeOfRounds is what the way back of all rounds but the first may take in the journal. A record of an undo
// takes less than 1 KiB, but for what it may give back.
func (n *Node) SizeOfRounds(rounds int) int64 { return int64(rounds-1) * int64(n.size) << 10 }
