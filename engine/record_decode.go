package engine

import "encoding/json"

// decodeRecord decodes a record as its kind asks for; nil for one that says all by its kind, or nothing to gwe.
func decodeRecord(kind string, data json.RawMessage) (any, error) {
	switch kind {
	case recordBegin:
		return decodeAs[beginRecord](data)
	case recordSkipped, recordBranches, recordStopped:
		return decodeAs[stepRecord](data)
	case recordIntent:
		return decodeAs[intentRecord](data)
	case recordProcess:
		return decodeAs[processRecord](data)
	case recordResult, recordUndoStep, recordEnded:
		return decodeAs[resultRecord](data)
	case recordUnwind, recordRollback:
		return decodeAs[unwindRecord](data)
	case recordPutOff:
		return decodeAs[putOffRecord](data)
	case recordUndone, recordButLast, recordCleaned:
		return decodeAs[undoneRecord](data)
	case recordCommitted:
		return decodeAs[committedRecord](data)
	case recordRecovery:
		return decodeAs[recoveryRecord](data)
	case recordHeld:
		return decodeAs[heldRecord](data)
	case recordReleased:
		return decodeAs[releasedRecord](data)
	case recordEnd:
		return decodeAs[endRecord](data)
	case recordSuspended:
		return decodeAs[suspendedRecord](data)
	case recordWaited:
		return decodeAs[waitedRecord](data)
	case recordResumed:
		return decodeAs[resumedRecord](data)
	case recordHandedOver:
		return decodeAs[handedOverRecord](data)
	case recordTakenOver:
		return decodeAs[takenOverRecord](data)
	case recordItems:
		return decodeAs[itemsRecord](data)
	case recordUsed:
		return decodeAs[usedRecord](data)
	case recordEntered:
		return decodeAs[enteredRecord](data)
	case recordPutBack:
		return decodeAs[putBackRecord](data)
	case recordStranded, recordRescue, recordMishap:
		return decodeAs[troubleRecord](data)
	}
	return nil, nil
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
