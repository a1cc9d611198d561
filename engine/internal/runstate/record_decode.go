package runstate

import "encoding/json"

// DecodeRecord decodes a record as its kind asks for; nil for one that says all by its kind, or nothing to
// gwe.
func DecodeRecord(kind string, data json.RawMessage) (any, error) {
	switch kind {
	case RecordBegin:
		return decodeAs[BeginRecord](data)
	case RecordSkipped, RecordBranches, RecordStopped:
		return decodeAs[StepRecord](data)
	case RecordIntent:
		return decodeAs[IntentRecord](data)
	case RecordProcess:
		return decodeAs[ProcessRecord](data)
	case RecordResult, RecordUndoStep, RecordEnded:
		return decodeAs[ResultRecord](data)
	case RecordUnwind, RecordRollback:
		return decodeAs[UnwindRecord](data)
	case RecordPutOff:
		return decodeAs[PutOffRecord](data)
	case RecordUndone, RecordButLast, RecordCleaned:
		return decodeAs[UndoneRecord](data)
	case RecordCommitted:
		return decodeAs[CommittedRecord](data)
	case RecordRecovery:
		return decodeAs[RecoveryRecord](data)
	case RecordHeld:
		return decodeAs[HeldRecord](data)
	case RecordReleased:
		return decodeAs[ReleasedRecord](data)
	case RecordEnd:
		return decodeAs[EndRecord](data)
	case RecordSuspended:
		return decodeAs[SuspendedRecord](data)
	case RecordWaited:
		return decodeAs[WaitedRecord](data)
	case RecordResumed:
		return decodeAs[ResumedRecord](data)
	case RecordHandedOver:
		return decodeAs[HandedOverRecord](data)
	case RecordTakenOver:
		return decodeAs[TakenOverRecord](data)
	case RecordItems:
		return decodeAs[ItemsRecord](data)
	case RecordUsed:
		return decodeAs[UsedRecord](data)
	case RecordEntered:
		return decodeAs[EnteredRecord](data)
	case RecordPutBack:
		return decodeAs[PutBackRecord](data)
	case RecordStranded, RecordRescue, RecordMishap:
		return decodeAs[TroubleRecord](data)
	}
	return nil, nil
}

// Taken is DecodeRecord of a record that was encoded just now. What each step writes is not decoded again: it
// would be the same.
func Taken(kind string, record any, data json.RawMessage) (any, error) {
	switch written := record.(type) {
	case IntentRecord:
		if written.Memo == nil {
			written.Memo = json.RawMessage("null")
		}
		return written, nil
	case ResultRecord:
		return written, nil
	}
	return DecodeRecord(kind, data)
}

func decodeAs[R any](data json.RawMessage) (any, error) {
	if len(data) == 0 {
		data = json.RawMessage("{}") // a marker
	}
	var record R
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, err
	}
	return record, nil
}
