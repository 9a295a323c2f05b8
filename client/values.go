package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Encode makes JSON of a Go value, for the body of a message or for metadata. Unlike [json.Marshal] it leaves <, > and &
// as they are, as clients in other languages do.
func Encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode makes a Go value of JSON: of a message's body, or of metadata.
//
//	job, err := client.Decode[Job](message.Body)
func Decode[T any](raw json.RawMessage) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("decode into %T: %w", v, err)
	}
	return v, nil
}

// seconds is a span in whole seconds, as the API has it. Parts of a second count as a whole one: a message must not end
// earlier than it was asked to.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d > 0 && d%time.Second != 0 {
		s++
	}
	return s
}

// span is the reverse. What is beyond 292 years stays there.
func span(seconds int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	return time.Duration(min(max(seconds, -most), most)) * time.Second
}

// appendSpan adds a member such as "ttl":60 and a comma, unless the span is left to the server.
func appendSpan(b []byte, name string, d time.Duration) []byte {
	if d == 0 {
		return b
	}
	b = append(append(append(b, '"'), name...), `":`...)
	return append(strconv.AppendInt(b, seconds(d), 10), ',')
}
