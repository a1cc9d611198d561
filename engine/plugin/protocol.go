package plugin

import "encoding/json"

// Protocol is the version of the protocol that this package speaks. A request names it, and an answer must
// name the same.
const Protocol = 1

// Operation is what a plugin is asked to do.
type Operation string

const (
	// Describe asks what the step type is: arguments, outputs, effects, documentation.
	Describe Operation = "describe"
	// Plan asks what do would do. It only reads.
	Plan Operation = "plan"
	// Prepare captures the memo: all that undo will need. It writes into Directory only.
	Prepare Operation = "prepare"
	// Do acts.
	Do Operation = "do"
	// Undo rolls back what do did, did in part, or did not do at all.
	Undo Operation = "undo"
	// Release gives up what was kept for an undo outside Directory: nobody can ask for it any more. Only for
	// those who list it.
	Release Operation = "release"
	// Verify makes sure, just before the commit, that what do did still stands. Only for those who list it.
	Verify Operation = "verify"
)

// request is the one line that a plugin reads. What an operation has no use for is absent.
type request struct {
	Protocol  int       `json:"protocol"`
	Operation Operation `json:"operation"`
	// Type is the step type that is meant: one executable may serve several, under several names.
	Type string `json:"type"`
	// Run and Step name the run and the step; Recovering tells that the machine is being rolled back.
	Run        string `json:"run,omitempty"`
	Step       string `json:"step,omitempty"`
	Recovering bool   `json:"recovering,omitempty"`
	// Directory is the frame's own, 0700: what prepare saves there is durable before do, and lives as long as
	// the undo may be asked for.
	Directory string `json:"folder,omitempty"`
	// Arguments are values as value.ToJSON writes them, defaults filled in, secrets in the clear.
	Arguments json.RawMessage `json:"arguments,omitempty"`
	// Memo is what prepare gave.
	Memo json.RawMessage `json:"memo,omitempty"`
}

// afterCommit is the variable that is 1 in a manual undo. It is not a member of the request: a plugin that
// was built before would refuse that.
const afterCommit = "GWE_AFTER_COMMIT"

// The kinds of lines that a plugin writes.
const (
	eventLog      = "log"
	eventProgress = "progress"
	eventResult   = "result"
	eventError    = "error"
)

// event is one line that a plugin writes.
type event struct {
	Event string `json:"event"`

	// Level (info, warning or output) and Text are a log line's.
	Level string `json:"level,omitempty"`
	Text  string `json:"text,omitempty"`

	// Current, Total (0 is unknown) and Unit are a progress's.
	Current int64  `json:"current,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Unit    string `json:"unit,omitempty"`

	// Protocol, Type and Operation are repeated in a result and in an error.
	Protocol  int       `json:"protocol,omitempty"`
	Type      string    `json:"type,omitempty"`
	Operation Operation `json:"operation,omitempty"`

	// Description is describe's result, Plan plan's, Memo and Leases prepare's, Outputs do's.
	Description json.RawMessage `json:"description,omitempty"`
	Plan        *planned        `json:"plan,omitempty"`
	Memo        json.RawMessage `json:"memo,omitempty"`
	Leases      []string        `json:"leases,omitempty"`
	// Kept are undo's: the directories to which it moved what came after the commit.
	Kept []string `json:"kept,omitempty"`
	// Outputs may come with an error too: retry.when and until read them.
	Outputs json.RawMessage `json:"outputs,omitempty"`

	// Class (failed, refused, errored or interrupted), Code, Message and Hint are an error's.
	Class   string `json:"class,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// Leftover says of an error of undo that the machine is as before, but something of the plugin's still
	// lies about.
	Leftover bool `json:"leftover,omitempty"`
}

// planned is a step.Plan on its way.
type planned struct {
	Do      []string         `json:"do"`
	Undo    []string         `json:"undo,omitempty"`
	Nothing bool             `json:"nothing,omitempty"`
	Space   map[string]int64 `json:"space,omitempty"`
	Reads   int64            `json:"reads,omitempty"`
	Writes  int64            `json:"writes,omitempty"`
	Outputs json.RawMessage  `json:"outputs,omitempty"`
}
