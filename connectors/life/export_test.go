package life

// What laws are about, for the tests.
var (
	PauseFor = pause
	ParseAt  = parseAt
	Shorten  = shorten
	Remember = remember
)

// Bounds, for the tests.
const (
	MaxReason    = maxReason
	LongestPause = longestPause
	FailedPause  = failedPause
	FilePause    = filePause
	LongestUntil = longestUntil
	EndTime      = endTime
	MinEvery     = minEvery
	MaxActs      = maxActs
	ActBytes     = actBytes
	QuietSave    = quietSave
)
