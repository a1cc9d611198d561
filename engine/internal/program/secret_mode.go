package program

import (
	"strconv"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/proof"
)

// secretMode is the mode of a file with a secret in it, where the recipe gives none.
const secretMode = "0600"

// hideSecrets gives a step that writes a secret, and names no mode, one that only the owner of the file can
// read by.
func (n *Node) hideSecrets() {
	readers := n.readers()
	if readers == "" {
		return
	}
	for _, argument := range n.Arguments() {
		if argument.Name == readers {
			return
		}
	}
	field, _ := n.StepType().Arguments().Field(readers)
	made := n.Leaf()
	made.arguments = append(made.arguments, NamedValue{readers, constant{secretMode, secretMode}, field.Type})
}

// readers names the argument that says who can read a secret that the step writes; "" where it writes none.
func (n *Node) readers() string {
	for _, argument := range n.Arguments() {
		field, _ := n.StepType().Arguments().Field(argument.Name)
		if field.Readers != "" && argument.Value != nil && argument.Value.Secret() {
			return field.Readers
		}
	}
	return ""
}

// CheckReaders refuses a mode by which every user can read a secret. Where the recipe says it outright,
// validate has refused it.
func (n *Node) CheckReaders(values map[string]any) error {
	readers := n.readers()
	if readers == "" {
		return nil
	}
	mode, _ := values[readers].(string)
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil || bits&0o004 == 0 {
		return nil // what is not a mode, the step type refuses itself
	}
	for _, allowance := range n.Step.Allow {
		if allowance.Rule.Text == proof.SecretReadable {
			return nil
		}
	}
	return fault.New(fault.Refused, "secret-readable", "%s %s lets every user of the machine read the secret", readers, mode).
		WithHint(`give %s: "0600", or "0640" with an owner; or write allow: { secret-readable: REASON } on the step`, readers)
}
