package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strconv"
)

// plain reads a line whose members stand just as encode writes them: several times as fast as a decoder that expects any JSON. A
// machine reads the journals of all its old runs at every start. What is not just so is left to the decoder.
func plain(sealed []byte) (decoded line, ok bool) {
	rest := sealed
	field := func(before, after string) []byte {
		text, found := bytes.CutPrefix(rest, []byte(before))
		end := bytes.Index(text, []byte(after))
		if ok = found && end >= 0; !ok {
			return nil
		}
		rest = text[end:]
		return text[:end]
	}
	// Behind the data the members are found from the end.
	const previous, synced = `,"previous":"`, `,"synced":`
	tail := len(sealed) - len(previous) - sha256.Size*2 - len(`"`)
	if tail < 0 || !bytes.HasPrefix(sealed[tail:], []byte(previous)) || sealed[len(sealed)-1] != '"' {
		return line{}, false
	}
	decoded.Previous = string(sealed[tail+len(previous) : len(sealed)-1])
	middle := bytes.LastIndex(sealed[:tail], []byte(synced))
	if middle < 0 || bytes.ContainsAny(sealed[tail+len(previous):len(sealed)-1], `"\\`) {
		return line{}, false
	}
	number := field(`{"number":`, `,`)
	at := field(`,"time":"`, `"`)
	kind := field(`","kind":"`, `"`)
	start := len(sealed) - len(rest) + len(`","data":`)
	if !ok || !bytes.HasPrefix(rest, []byte(`","data":`)) || start > middle || bytes.IndexByte(kind, '\\') >= 0 {
		return line{}, false
	}
	decoded.Kind, decoded.Data = string(kind), json.RawMessage(sealed[start:middle])
	if !whole(number, &decoded.Number) || !whole(sealed[middle+len(synced):tail], &decoded.Synced) {
		return line{}, false
	}
	return decoded, decoded.Time.UnmarshalText(at) == nil && json.Valid(decoded.Data) && bytes.IndexByte(decoded.Data, '\n') < 0
}

// whole reads a number as encode writes it.
func whole(text []byte, into *int) bool {
	n, err := strconv.Atoi(string(text))
	*into = n
	return err == nil && n >= 0 && strconv.Itoa(n) == string(text)
}
