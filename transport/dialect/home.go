package dialect

import (
	"encoding/json"
	"strings"
)

// A Resource is an entry of a home document: a way to use the API, by a name that outlives its path.
type Resource struct {
	Name     string
	Template string // its path below the version's prefix, with variables in braces
	Fixed    bool   // the template is a plain path
	Vars     vars
	Allow    string // methods, in order
	Posts    bool   // it takes a JSON body
	Admin    bool   // listed where the admin routes are on
}

// vars are the variables of a template, each with what documents it, without the leading "param/".
type vars map[string]string

// HomeDocument is the dialect's home document, in the form of JSON Home (draft 03).
func (d *Dialect) HomeDocument(admin bool) ([]byte, error) {
	resources := map[string]any{}
	for _, r := range d.Home {
		if admin || !r.Admin {
			resources[r.Name] = r.document(d.Prefix)
		}
	}
	return json.Marshal(map[string]any{"resources": resources})
}

func (r Resource) document(prefix string) map[string]any {
	described := map[string]string{}
	for name, param := range r.Vars {
		described[name] = "param/" + param
	}
	hints := map[string]any{
		"allow":   strings.Fields(r.Allow),
		"formats": map[string]any{"application/json": struct{}{}},
	}
	if r.Posts {
		hints["accept-post"] = []string{"application/json"}
	}
	doc := map[string]any{"hints": hints}
	if r.Fixed {
		doc["href"] = prefix + r.Template
		return doc
	}
	doc["href-template"] = prefix + r.Template
	doc["href-vars"] = described
	return doc
}
