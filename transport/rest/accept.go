package rest

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// acceptsJSON reports whether a request allows application/json (API contract §1.4). A header that can't be read allows
// nothing.
func acceptsJSON(h http.Header) bool {
	accept, _ := header(h, "Accept")
	if accept == "" || accept == "*/*" || accept == "application/json" {
		return true
	}
	best, quality := 0, 0.0
	for element := range quotedSplit(accept, ',') {
		if element == "" {
			continue
		}
		fit, q, readable := mediaRange(element)
		if !readable {
			return false
		}
		if fit > best || fit == best && q > quality {
			best, quality = fit, q
		}
	}
	return best > 0 && quality > 0
}

// mediaRange reads one range of an Accept header: how closely it fits application/json (0: not at all), and its quality.
func mediaRange(text string) (fit int, quality float64, readable bool) {
	name, quality := "", 1.0
	for part := range quotedSplit(text, ';') {
		if name == "" {
			name = part
		} else if q, isQ := qualityOf(part); isQ {
			quality = q
		}
	}
	fit, readable = fitJSON(name)
	return fit, quality, readable
}

func fitJSON(name string) (fit int, readable bool) {
	if name == "*" { // an old spelling of */*
		return 1, true
	}
	kind, subtype, _ := strings.Cut(name, "/")
	kind, subtype = strings.TrimSpace(kind), strings.TrimSpace(subtype)
	switch {
	case kind == "" || subtype == "":
		return 0, false
	case kind == "*" && subtype == "*":
		return 1, true
	case !strings.EqualFold(kind, "application"):
		return 0, true
	case subtype == "*":
		return 2, true
	case strings.EqualFold(subtype, "json"):
		return 3, true
	}
	return 0, true
}

// qualityOf reads a parameter if it is q. One that is no number from 0 to 1 counts as 1.
func qualityOf(parameter string) (float64, bool) {
	name, value, _ := strings.Cut(parameter, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0, false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 1, true
	}
	return q, true
}

// quotedSplit gives the parts of a header's value between separators, without the blanks round them. Separators in quotes
// are none.
func quotedSplit(text string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				quoted = !quoted
			case c == '\\' && quoted:
				i++
			case c == separator && !quoted:
				if !yield(strings.TrimSpace(text[start:i])) {
					return
				}
				start = i + 1
			}
		}
		yield(strings.TrimSpace(text[start:]))
	}
}
