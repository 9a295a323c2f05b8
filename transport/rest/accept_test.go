package rest

import (
	"net/http"
	"testing"
)

func TestAcceptsJSON(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   bool
	}{
		{nil, true},
		{[]string{""}, true},
		{[]string{"*/*"}, true},
		{[]string{"*"}, true},
		{[]string{"application/json"}, true},
		{[]string{"Application/JSON"}, true},
		{[]string{"application/*"}, true},
		{[]string{"application/json;charset=utf-8"}, true},
		{[]string{"application/json; version=\"a,b;q=0\""}, true},
		{[]string{"text/html, application/json;q=0.1"}, true},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, true},
		{[]string{"text/html", "application/json"}, true},
		{[]string{"application/json;q=x"}, true},
		{[]string{"application/json;q=7"}, true},
		{[]string{"application/json,"}, true},
		{[]string{"*/*;q=0, application/json"}, true},
		{[]string{"application/json;q=0, application/json;q=0.5"}, true},

		{[]string{"application/json;q=0"}, false},
		{[]string{"application/json; Q = 0.0"}, false},
		{[]string{"application/json;q=0, */*"}, false},
		{[]string{"application/*;q=0, */*"}, false},
		{[]string{"*/*;q=0"}, false},
		{[]string{"application/xml"}, false},
		{[]string{"plain/text"}, false},
		{[]string{"text/*"}, false},
		{[]string{"*/json"}, false},
		{[]string{"application/json-home"}, false},
		{[]string{"application/jsonx"}, false},
		{[]string{"application"}, false},
		{[]string{"application/, application/json"}, false},
		{[]string{"/json"}, false},
		{[]string{";q=1"}, false},
		{[]string{","}, false},
		{[]string{"\"application/json\""}, false},
	} {
		h := http.Header{}
		if tt.accept != nil {
			h["Accept"] = tt.accept
		}
		if got := acceptsJSON(h); got != tt.want {
			t.Errorf("acceptsJSON(%q) = %v, want %v", tt.accept, got, tt.want)
		}
	}
}
