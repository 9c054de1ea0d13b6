package audit

const (
	// MaxTraceBytes is the length of a trace that an entry keeps; longer ones are
	// left out. A W3C traceparent has 55.
	MaxTraceBytes = 255
	// verifyPage is the number of entries that Verify holds at once: with the
	// largest payloads 24 MB.
	verifyPage = 100
)
