package plugin

import (
	"context"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// FuzzAnswers: whatever a plugin writes, in whatever pieces, ends in an answer or in a fault with a code.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"event":"log","level":"info","text":"x"}`+"\n"+`{"event":"result","protocol":1,"type":"t","operation":"do"}`+"\n"), 7)
	f.Add([]byte(`{"event":"error","protocol":1,"type":"t","operation":"do","class":"failed","code":"a-b","message":"m"}`), 1)
	f.Add([]byte(`{"event":"progress","current":1,"total":9,"unit":"bytes"}`+"\n\n\xff\n"), 3)
	f.Fuzz(func(t *testing.T, said []byte, piece int) {
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		heard := &answers{
			conversation: conversation{path: "/x/gwe-step-t", asked: request{Type: "t", Operation: Do}},
			stop:         stop,
		}
		piece = max(1, piece%4096)
		for rest := said; len(rest) > 0; {
			size := min(piece, len(rest))
			if count, err := heard.Write(rest[:size]); count != size || err != nil {
				t.Fatalf("Write gave %d, %v", count, err)
			}
			rest = rest[size:]
		}
		heard.end()
		if heard.lie != nil {
			if f := fault.As(heard.lie); f == nil || f.Code == "" || f.Class != fault.Failed || ctx.Err() == nil {
				t.Fatalf("a lie without a code: %v", heard.lie)
			}
			return
		}
		if heard.answer != nil && heard.answer.Event == eventError {
			if f := fault.As(heard.answer.fault()); f == nil || f.Code == "" || f.Class == fault.Interrupted {
				t.Fatalf("an error without a code: %+v", f)
			}
		}
	})
}
