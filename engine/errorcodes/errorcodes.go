package errorcodes

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Code is one stable code of an error.
type Code struct {
	Code string `json:"code"`
	// Cases are what is said under the code; values stand as "..." in it.
	Cases []Case `json:"cases"`
	// More is set where there are cases that are not listed.
	More bool `json:"more,omitempty"`
	// Types are the built-in step types that can give it, by name.
	Types []string `json:"types,omitempty"`
}

// Case is one message under a code.
type Case struct {
	// Class is failed, refused, errored or interrupted; "" where it depends on what happened.
	Class   string `json:"class,omitempty"`
	Message string `json:"message,omitempty"`
	// Hint says what to do next; it may be empty.
	Hint string `json:"hint,omitempty"`
}

//go:embed codes.json
var list []byte

// All lists every code in order.
var All = sync.OnceValue(func() []Code {
	var all []Code
	if err := json.Unmarshal(list, &all); err != nil {
		return nil // the test of this package has read it
	}
	return all
})

// Find finds a code, also by its earlier name: "write-no-folder" is "write-no-directory".
func Find(code string) (Code, bool) {
	code = strings.NewReplacer("folders", "directories", "folder", "directory", "put-back", "rolled-back").Replace(code)
	at := slices.IndexFunc(All(), func(one Code) bool { return one.Code == code })
	if at < 0 {
		return Code{}, false
	}
	return All()[at], true
}

// Of lists the codes that a built-in step type can give, in order.
func Of(stepType string) []string {
	var codes []string
	for _, one := range All() {
		if slices.Contains(one.Types, stepType) {
			codes = append(codes, one.Code)
		}
	}
	return codes
}
