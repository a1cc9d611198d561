package run

import (
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// scopeInstance is one scope of the recipe in a run: in a round, or for a use. Only the goroutine that works
// in it writes to it.
type scopeInstance struct {
	static *program.StaticScope
	// around is the scope whose outputs are seen here too; nil for the recipe itself, and for one that is
	// used.
	around *scopeInstance
	// recipe is the scope of the used recipe that it belongs to, which has the inputs and vars; nil is the
	// run's own recipe.
	recipe       *scopeInstance
	inputs, vars map[string]any
	// item and index are those of the round, where there is one.
	looped      bool
	item, index any
	// steps are what the steps of the scope itself left, by id.
	steps map[string]any
	// gone are those that were undone since: what runs last in an undo reads them still.
	gone map[string]any
	// within are the scopes that lie in this one.
	within []scopeKey
}

// set keeps what a step left; nil takes it away, where it is there.
func (s *scopeInstance) set(id string, outputs any) {
	switch {
	case outputs != nil:
		if s.steps == nil {
			s.steps = map[string]any{}
		}
		s.steps[id] = outputs
	case s.steps[id] != nil: // another goroutine may read here, unless there is something to take away
		delete(s.steps, id)
	}
}

// remove takes away what a step left that is undone.
func (s *scopeInstance) remove(id string) {
	if outputs := s.steps[id]; outputs != nil {
		if s.gone == nil {
			s.gone = map[string]any{}
		}
		s.gone[id] = outputs
	}
	s.set(id, nil)
}

// lateInstance is a scope as the steps of undo-last see it: with what was undone before they run.
type lateInstance struct{ *scopeInstance }

// Member gives what a step left, undone or not.
func (l lateInstance) Member(id string) any {
	for s := l.scopeInstance; s != nil; s = s.around {
		if outputs := s.steps[id]; outputs != nil {
			return outputs
		}
		if outputs := s.gone[id]; outputs != nil || s.static.Lefts[id] {
			return outputs
		}
	}
	return nil
}

// All gives all that Member does.
func (l lateInstance) All() map[string]any {
	all := map[string]any{}
	for at := l.scopeInstance; at != nil; at = at.around {
		for _, left := range []map[string]any{at.steps, at.gone} {
			for id := range left {
				if outputs := l.Member(id); outputs != nil {
					all[id] = outputs
				}
			}
		}
	}
	return all
}

// Member gives what a step left, as expressions see it here: what steps of this scope left under the id hides
// what lies around it, where a for-each has a list under the same id once it has ended.
func (s *scopeInstance) Member(id string) any {
	for ; s != nil; s = s.around {
		if outputs := s.steps[id]; outputs != nil || s.static.Lefts[id] {
			return outputs
		}
	}
	return nil
}

// All gives all that Member does.
func (s *scopeInstance) All() map[string]any {
	all := map[string]any{}
	for at := s; at != nil; at = at.around {
		for id := range at.steps {
			if outputs := s.Member(id); outputs != nil {
				all[id] = outputs
			}
		}
	}
	return all
}

// scopeKey tells one instance of a scope from another.
type scopeKey struct {
	static *program.StaticScope
	rounds string
}

// scope returns the instance of a scope in these rounds, and makes it where nothing has happened there yet.
func (h *State) scope(a *program.StaticScope, r runstate.Rounds) *scopeInstance {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.scopeOf(a, r)
}

func (h *State) scopeOf(a *program.StaticScope, r runstate.Rounds) *scopeInstance {
	r = r.In(a.Loops)
	key := scopeKey{a, r.Key()}
	if known := h.scopes[key]; known != nil {
		return known
	}
	made := &scopeInstance{static: a}
	if a.Parent != nil {
		outer := h.scopeOf(a.Parent, r)
		outer.within = append(outer.within, key)
		if a.Used() {
			made.recipe = made
		} else {
			*made = scopeInstance{static: a, around: outer, recipe: outer.recipe, looped: outer.looped, item: outer.item, index: outer.index}
		}
	}
	h.scopes[key] = made
	return made
}

// fresh makes a scope anew: an earlier attempt may have left things in it.
func (h *State) fresh(a *program.StaticScope, r runstate.Rounds) *scopeInstance {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	h.drop(scopeKey{a, r.In(a.Loops).Key()})
	return h.scopeOf(a, r)
}

func (h *State) drop(key scopeKey) {
	gone := h.scopes[key]
	if gone == nil {
		return
	}
	delete(h.scopes, key)
	for _, inner := range gone.within {
		h.drop(inner)
	}
}
