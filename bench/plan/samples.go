package plan

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed plans/*.yaml
var plans embed.FS

// Samples are the names of the plans that come with this package, smoke first.
func Samples() []string {
	names := []string{"smoke"}
	files, err := plans.ReadDir("plans")
	if err != nil {
		panic("plan: samples: " + err.Error()) // they are part of the program
	}
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".yaml"); name != "smoke" {
			names = append(names, name)
		}
	}
	return names
}

// Sample is one of them, read. [Plan.Source] is its text with the comments, [Plan.About] what it is for.
func Sample(name string) (*Plan, error) {
	data, err := plans.ReadFile(path.Join("plans", name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("plan: %w", unknownWord(name, "sample plan", Samples()...))
	}
	return Parse(name+".yaml", data)
}

// About is the comment that a plan's source begins with, as one line.
func (p *Plan) About() string {
	var lines []string
	for line := range strings.Lines(string(p.source)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok || strings.TrimSpace(text) == "" {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	return strings.Join(lines, " ")
}
