package dialect

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func benchmarkTexts() map[string]string {
	text := strings.Repeat("the quick brown fox ", 50)
	message := `{"ttl": 300, "body": {"event": "` + text + `"}}`
	return map[string]string{
		"small":   `{"messages": [{"ttl": 300, "body": {"event": "backup started", "n": 17}}]}`,
		"1KiB":    `{"messages": [` + message + `]}`,
		"20x1KiB": `{"messages": [` + strings.Repeat(message+",", 19) + message + `]}`,
		"dense":   `{"messages": [{"ttl": 300, "body": [` + strings.Repeat(`{"a":1,"bb":[true,2.5,"x"]},`, 350) + `1]}]}`,
	}
}

// BenchmarkScan is one pass over a text, and the same with jsontext: token by token, so that it, too, can hold the text to
// the API's rules.
func BenchmarkScan(b *testing.B) {
	for name, text := range benchmarkTexts() {
		d := Document{[]byte(text), DefaultDepth}
		b.Run(name+"/scanner", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s := newScanner(d)
				if s.value(); s.end() != nil {
					b.Fatal(s.err)
				}
			}
		})
		b.Run(name+"/jsontext", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			decoder, buffer := jsontext.NewDecoder(new(bytes.Buffer)), new(bytes.Buffer)
			for b.Loop() {
				*buffer = *bytes.NewBuffer(d.Text)
				decoder.Reset(buffer, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
				if err := checkTokens(decoder, d.MaxDepth); err != nil || !utf8.Valid(d.Text) {
					b.Fatal(err)
				}
			}
		})
	}
}

func checkTokens(d *jsontext.Decoder, maxDepth int) error {
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.StackDepth() > maxDepth {
			return errors.New("too deep")
		}
		if token.Kind() != '0' {
			continue
		}
		if n := token.String(); len(n) > 18 && !strings.ContainsAny(n, ".eE") {
			if _, err := strconv.ParseInt(n, 10, 64); err != nil {
				return err
			}
		}
	}
}

func BenchmarkDecodeMessages(b *testing.B) {
	for name, text := range benchmarkTexts() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			d := Document{[]byte(text), DefaultDepth}
			for b.Loop() {
				if _, err := wrappedMessages(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendPage(b *testing.B) {
	d := v11()
	messages := someMessages(10)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = d.AppendPage(dst[:0], "/v1.1/queues/demo", messages, "/v1.1/queues/demo/messages?marker=10")
	}
}
