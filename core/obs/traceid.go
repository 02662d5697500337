package obs

import "strings"

// TraceKey is the attribute of a record that says which trace it belongs to.
const TraceKey = "trace_id"

// TraceID gives the trace of a W3C traceparent of version 00 (https://www.w3.org/TR/trace-context/#traceparent-header),
// 32 hexadecimal digits; empty when the text is none.
func TraceID(traceparent string) string {
	const version, trace, whole = 3, 35, 55 // where these end
	if len(traceparent) != whole || traceparent[:version] != "00-" || traceparent[trace] != '-' {
		return ""
	}
	id := traceparent[version:trace]
	if strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}
