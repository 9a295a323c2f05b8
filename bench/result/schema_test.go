package result

import (
	"bytes"
	"encoding"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/ledger"
)

// compiled gives the schema of a kind of file, as a validator that asserts formats and encodings.
func compiled(t testing.TB, kind string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("schema.json", any(readSchema(t, kind))); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readSchema(t testing.TB, kind string) map[string]any {
	t.Helper()
	text, err := fs.ReadFile(Schemas(), kind+"-1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// kinds are the files that have a schema, by the last part of their names.
func kinds() map[string]string {
	return map[string]string{runFile: "run", experimentFile: "experiment", environmentFile: "environment"}
}

// documents are the JSON files of a folder that have a schema, by their paths.
func documents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || kinds()[entry.Name()] == "" {
			return err
		}
		all[name], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func validate(t testing.TB, name string, text []byte) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return compiled(t, kinds()[filepath.Base(name)]).Validate(document)
}

func TestAllJSONIsValid(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	found := documents(t, folder.Dir)
	if len(found) != len(f.runs)+2 {
		t.Errorf("%d documents, want %d runs, a summary and an environment", len(found), len(f.runs))
	}
	for name, text := range found {
		if err := validate(t, name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An experiment that was cut short before its first run is one, too.
func TestTheSmallestResultsAreValid(t *testing.T) {
	for name, v := range map[string]any{
		runFile:        Run{Schema: RunSchema, Repeat: 1, Status: Invalid, Generator: Generator{Cores: 1}, Operations: map[string]Operation{}, Ledger: Ledger{Classes: map[string]int64{}, Identity: []Term{}, Counts: map[string]int64{}}, Config: newFixture(t).runs[0].Config},
		experimentFile: Experiment{Schema: ExperimentSchema, Cells: []Summary{}},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A later minor version adds fields wherever it likes. Neither the schema nor the reader minds.
func TestFieldsOfLaterMinorVersionsAreAccepted(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	for name, text := range documents(t, folder.Dir) {
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		grown := grow(document).(map[string]any)
		grown["schema"] = strings.TrimSuffix(grown["schema"].(string), ".0") + ".7"
		text, err := json.Marshal(grown)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, name, text); err != nil {
			t.Errorf("%s with fields of 1.7: %v", name, err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := folder.Runs(); err != nil || len(runs) != 2 {
		t.Errorf("%d runs of 1.7, %v", len(runs), err)
	}
	if _, err := folder.Experiment(); err != nil {
		t.Errorf("experiment of 1.7: %v", err)
	}
	if _, err := folder.Environment(); err != nil {
		t.Errorf("environment of 1.7: %v", err)
	}
}

// grow adds a field that nobody knows to every object, but for tables, whose keys are names.
func grow(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = grow(inner)
		}
		if !isTable(v) {
			v["later"] = map[string]any{"a": 1}
		}
	case []any:
		for i := range v {
			v[i] = grow(v[i])
		}
	}
	return v
}

// isTable reports whether all values of an object are of the same kind: a table by name, or too small to tell.
func isTable(object map[string]any) bool {
	kinds := map[reflect.Type]bool{}
	for _, v := range object {
		kinds[reflect.TypeOf(v)] = true
	}
	return len(kinds) < 2
}

// What is wrong is seen: the schemas have teeth.
func TestSchemasRefuse(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	for name, text := range documents(t, folder.Dir) {
		for _, spoil := range []struct {
			what string
			do   func(map[string]any)
		}{
			{"another major version", func(d map[string]any) { d["schema"] = strings.Replace(d["schema"].(string), "/1.", "/2.", 1) }},
			{"no schema", func(d map[string]any) { delete(d, "schema") }},
			{"a status that is none", func(d map[string]any) { spoilField(d, "status", "fine") }},
			{"a time that is none", func(d map[string]any) { spoilField(d, "started", "yesterday") }},
			{"a histogram that is none", func(d map[string]any) { spoilField(d, "histogram", "§") }},
			{"a count in words", func(d map[string]any) { spoilField(d, "count", "many") }},
			{"a fraction of a nanosecond", func(d map[string]any) { spoilField(d, "mean_ns", 0.5) }},
			{"cores in words", func(d map[string]any) { spoilField(d, "cores", "two") }},
		} {
			var document map[string]any
			if err := json.Unmarshal(text, &document); err != nil {
				t.Fatal(err)
			}
			spoil.do(document)
			spoiled, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			untouched := bytes.Equal(spoiled, must(json.Marshal(unmarshalled(t, text))))
			if err := validate(t, name, spoiled); err == nil && !untouched {
				t.Errorf("%s with %s is valid", filepath.Base(name), spoil.what)
			}
		}
	}
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

func unmarshalled(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// spoilField gives every field of that name another value.
func spoilField(v any, field string, value any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k == field {
				v[k] = value
			}
			spoilField(inner, field, value)
		}
	case []any:
		for _, inner := range v {
			spoilField(inner, field, value)
		}
	}
}

// The schemas know every field that is written, no other, and say what each is.
func TestSchemasAreComplete(t *testing.T) {
	for kind, of := range map[string]reflect.Type{
		"run": reflect.TypeFor[Run](), "experiment": reflect.TypeFor[Experiment](), "environment": reflect.TypeFor[Environment](),
		"plan": reflect.TypeFor[plan.Plan](), "violation": reflect.TypeFor[ledger.Offender](),
	} {
		schema := readSchema(t, kind)
		defs, _ := schema["$defs"].(map[string]any)
		if got, want := schema["$schema"], "https://json-schema.org/draft/2020-12/schema"; got != want {
			t.Errorf("%s: $schema is %v, want %v", kind, got, want)
		}
		(&reviewer{t: t, defs: defs, seen: map[string]bool{}}).review(kind, of, schema)
		for name := range defs {
			if text := must(json.Marshal(schema)); !bytes.Contains(text, []byte(`"#/$defs/`+name+`"`)) {
				t.Errorf("%s: nothing uses the definition of %s", kind, name)
			}
		}
	}
}

// What several schemas define, they define alike.
func TestSchemasAgree(t *testing.T) {
	all := map[string]any{}
	for _, kind := range []string{"run", "experiment", "plan", "event"} {
		for name, of := range readSchema(t, kind)["$defs"].(map[string]any) {
			if other, both := all[name]; both && !cmp.Equal(of, other) {
				t.Errorf("a %s is not the same in %s: %s", name, kind, cmp.Diff(of, other))
			}
			all[name] = of
		}
	}
}

// What has no field that names its schema is valid, too, also with fields of later minor versions, and what is wrong with it is seen.
func TestPlansAndLinesAreValid(t *testing.T) {
	const (
		violation = `{"class":"lost","life":{"project":"p","queue":"q","producer":0,"number":1,"batch":1,"index":0,"size":1,"id":"x","ttl_ns":1,"intended_ns":2,
			"posted":"confirmed","confirmed_ns":3,"delivered":0,"taken":0,"fate":"lost"},"evidence":[{"what":"neither deleted, popped, expired nor left over"}]}`
		event = `{"kind":"run ended","time":"2026-08-18T10:00:00Z","progress":{"runs":1,"total":3,"share":0.4,"elapsed_ns":1,"left_ns":2},"cell":"a/b/v1/p1/rate-1","repeat":1,"repeats":3,"status":"valid"}`
		tick  = `{"kind":"tick","time":"2026-08-18T10:00:00Z","progress":{"runs":1,"total":3,"share":0.4,"elapsed_ns":1,"left_ns":2},"tick":{"at_ns":1,"phase":"measure","offered_per_s":1,
			"sent_per_s":1,"achieved_per_s":1,"response_p50_ns":7,"response_p99_ns":null,"response_p99_9_ns":null,"response_max_ns":9,"posted":1,"delivered":1,"deleted":1,"errors":0,
			"ledger_faults":0,"pacer_lag_p99_ns":null,"max_by_second_ns":[9]}}`
		log = `{"time":"2026-08-18T10:00:00.5+02:00","level":"ERROR","msg":"run failed","cell":"a/b/v1/p1/rate-1","repeat":2,"error":"gone"}`
	)
	for _, c := range []struct {
		kind, text string
		wrong      map[string]any // by field
	}{
		{"plan", string(newFixture(t).plan.Effective()), map[string]any{"plan": 1, "seed": -1, "restart": "sometimes", "targets": "all", "use": nil, "batch": 0, "mode": "fast", "ttl": 300}},
		{"violation", violation, map[string]any{"class": "odd", "evidence": nil, "what": 1, "posted": "perhaps", "size": 0, "fate": "gone", "ttl_ns": 0.5}},
		{"event", event, map[string]any{"kind": "exploded", "time": "now", "share": 1.5, "elapsed_ns": "long", "status": "fine"}},
		{"event", tick, map[string]any{"response_p50_ns": "long", "response_p99_ns": -1, "max_by_second_ns": 1, "at_ns": nil}},
		{"log", log, map[string]any{"time": 1, "level": "BAD", "msg": nil, "repeat": "third"}},
	} {
		valid, kind := compiled(t, c.kind), c.kind
		document := unmarshalled(t, []byte(c.text))
		if err := valid.Validate(document); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if err := valid.Validate(grow(document)); err != nil {
			t.Errorf("%s with fields of a later version: %v", kind, err)
		}
		for field, value := range c.wrong {
			spoilt := unmarshalled(t, []byte(c.text))
			spoilField(spoilt, field, value)
			if err := valid.Validate(spoilt); err == nil {
				t.Errorf("%s with %s as %v is valid", kind, field, value)
			}
		}
	}
}

// A reviewer compares a type with its schema.
type reviewer struct {
	t    *testing.T
	defs map[string]any
	seen map[string]bool
}

func (r *reviewer) review(at string, of reflect.Type, schema map[string]any) {
	if ref, is := schema["$ref"].(string); is {
		name := strings.TrimPrefix(ref, "#/$defs/")
		definition, known := r.defs[name].(map[string]any)
		if !known {
			r.t.Errorf("%s: %s is not defined", at, ref)
			return
		}
		if r.seen[name+of.String()] {
			return
		}
		r.seen[name+of.String()] = true
		schema, at = definition, name
	}
	if schema["description"] == nil && schema["title"] == nil {
		r.t.Errorf("%s: no description", at)
	}
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	text := reflect.TypeFor[encoding.TextMarshaler]()
	switch {
	case of == reflect.TypeFor[plan.Vary](): // it orders its keys itself
	case of == reflect.TypeFor[time.Time](), of.Implements(text), of.Kind() == reflect.String:
		r.typed(at, schema, "string")
	case of.Kind() == reflect.Struct:
		r.typed(at, schema, "object")
		r.fields(at, of, schema)
	case of.Kind() == reflect.Slice:
		r.typed(at, schema, "array")
		r.element(at, of.Elem(), schema["items"])
	case of.Kind() == reflect.Map:
		r.typed(at, schema, "object")
		r.element(at, of.Elem(), schema["additionalProperties"])
	case of.Kind() == reflect.Bool:
		r.typed(at, schema, "boolean")
	case of.Kind() == reflect.Float64:
		r.typed(at, schema, "number")
	default:
		r.typed(at, schema, "integer")
	}
}

func (r *reviewer) typed(at string, schema map[string]any, want string) {
	got := schema["type"]
	if list, is := got.([]any); is && len(list) == 2 && list[1] == "null" {
		got = list[0]
	}
	if got != want {
		r.t.Errorf("%s: the schema says %v, want %s", at, schema["type"], want)
	}
}

func (r *reviewer) element(at string, of reflect.Type, schema any) {
	s, is := schema.(map[string]any)
	if !is {
		r.t.Errorf("%s: nothing is said of its elements", at)
		return
	}
	if s["description"] == nil {
		s["description"] = "told by the whole"
	}
	r.review(at+"[]", of, s)
}

func (r *reviewer) fields(at string, of reflect.Type, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	required, known := map[string]bool{}, map[string]bool{}
	for _, name := range schema["required"].([]any) {
		required[name.(string)] = true
	}
	for i := range of.NumField() {
		name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if name == "-" || !of.Field(i).IsExported() {
			continue
		}
		known[name] = true
		property, there := properties[name].(map[string]any)
		if !there {
			r.t.Errorf("%s: the schema doesn't know %s", at, name)
			continue
		}
		if optional := options != ""; optional == required[name] {
			r.t.Errorf("%s.%s: required is %v, though it is left out where it is empty: %v", at, name, required[name], optional)
		}
		r.review(at+"."+name, of.Field(i).Type, property)
	}
	for name := range properties {
		if !known[name] {
			r.t.Errorf("%s: nobody writes %s", at, name)
		}
	}
}
