package tasklog

// NewFile lets tests log to a device.
var NewFile = newFile
