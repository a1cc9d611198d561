package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Masked copies the content of a journal for reading elsewhere, with change made to the data of each record:
// it takes secrets out. Records are sealed anew, so the copy of a whole journal is whole, and that of a
// damaged one is damaged at the same record. Whatever is not a record is changed as it is.
func Masked(content []byte, change func([]byte) []byte) []byte {
	var masked []byte
	from, to := "", "" // the seals of the record before, in content and in the copy
	for len(content) > 0 {
		text := firstLine(content)
		content = content[len(text):]
		record, sum, ok := decode(text)
		if !ok {
			masked = append(masked, change(text)...)
			continue
		}
		record.Data = change(record.Data)
		if record.Previous == from {
			record.Previous = to
		}
		encoded, err := compact(record)
		if err != nil { // the change made no JSON of it
			masked = append(masked, change(text)...)
			continue
		}
		encoded = bytes.TrimSuffix(encoded, []byte("}"))
		sealed := sha256.Sum256(encoded)
		from, to = sum, hex.EncodeToString(sealed[:])
		masked = fmt.Appendf(append(masked, encoded...), "%s%s\"}\n", sumMember, to)
	}
	return masked
}
