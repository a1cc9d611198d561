package expression

// Members is the value of a name whose members are asked for one by one, where a map of all of them would be
// long and is rarely wanted.
type Members interface {
	// Member gives the value of a member; nil where it is absent.
	Member(name string) any
	// All gives those that are there, in a map of the caller's own.
	All() map[string]any
}

// whole gives a name's value as other values have it.
func whole(v any) any {
	if members, ok := v.(Members); ok {
		return members.All()
	}
	return v
}
