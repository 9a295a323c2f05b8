package result

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed schema/*.json
var schemas embed.FS

// Schemas are the JSON schemas of all files, by their names.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemas, "schema")
	if err != nil {
		panic("result: " + err.Error()) // it is embedded above
	}
	return sub
}

// writeSchemas puts the schemas that apply beside the results.
func (f *Folder) writeSchemas() error {
	entries, err := fs.ReadDir(schemas, "schema")
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	for _, entry := range entries {
		text, err := schemas.ReadFile("schema/" + entry.Name())
		if err != nil {
			return fmt.Errorf("results: %w", err)
		}
		if err := f.write("schema/"+entry.Name(), text); err != nil {
			return err
		}
	}
	return nil
}
