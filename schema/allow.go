package schema

// Allowance is an author's word that a step may break a rule, and why.
type Allowance struct {
	// Rule is the rule's name, as diagnostics carry it.
	Rule Scalar
	// Reason is text for the next reader.
	Reason Scalar
}

// allowances reads allow: { RULE: reason }.
func (p *parser) allowances(node Node) []Allowance {
	var read []Allowance
	for _, entry := range p.fields(node, "allow").Entries {
		if scalar, ok := entry.Value.(Scalar); ok && scalar.Kind == Absent {
			p.fail(entry.Key.Span, "no-value", "nothing says why "+quote(entry.Key.Text)+" is allowed",
				"write the reason after it: "+entry.Key.Text+": the log is shared on purpose")
			continue
		}
		if reason := p.text(entry.Value, "the reason for "+quote(entry.Key.Text), false); reason != nil {
			read = append(read, Allowance{Rule: entry.Key, Reason: *reason})
		}
	}
	return read
}
