package runstate

import (
	"github.com/gwe-project/gwe/engine/fault"
)

// Warning is something that a run cannot promise on this machine. It refuses nothing.
type Warning struct {
	// Code is its stable code: `gwe explain CODE` explains it.
	Code string `json:"code"`
	// Text says what it is.
	Text string `json:"text"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

func WarningOf(f *fault.Fault) Warning { return Warning{Code: f.Code, Text: f.Error(), Hint: f.Hint} }
