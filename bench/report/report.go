// Package report makes what people read out of a folder of results, and out of that alone: charts, a page and a text.
//
//	report.html  one file that loads nothing: verdict, validity, charts with their tables; by day, by night and on paper
//	report.md    the same in short
//	charts/      each chart as SVG, PNG and CSV
//
// The same results give the same files, byte for byte.
package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Write makes the report of the results in a folder, in place of one that is there. A file is there as a whole or not at all.
func Write(dir string) error {
	s, err := load(dir)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	sections, err := s.sections()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	drawings, err := writeCharts(filepath.Join(dir, "charts"), sections)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	page, err := s.html(drawings, sections)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := replace(filepath.Join(dir, "report.html"), page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := replace(filepath.Join(dir, "report.md"), s.markdown(sections)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// writeCharts writes all charts, and takes away those of an earlier report. It gives the drawings by their names.
func writeCharts(dir string, sections []section) (map[string][]byte, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var figures []figure
	for _, sec := range sections {
		figures = append(figures, sec.figures...)
	}
	drawings, errs := make([][]byte, len(figures)), make([]error, len(figures))
	each(len(figures), func(i int) { drawings[i], errs[i] = writeChart(dir, figures[i]) })
	byName := map[string][]byte{}
	for i, f := range figures {
		if errs[i] != nil {
			return nil, errs[i]
		}
		byName[f.name] = drawings[i]
	}
	return byName, sweepAway(dir, byName)
}

func writeChart(dir string, f figure) (drawing []byte, err error) {
	drawing = f.chart.svg()
	image, err := f.chart.png()
	if err != nil {
		return nil, err
	}
	numbers, err := f.table.csv()
	if err != nil {
		return nil, err
	}
	for ending, text := range map[string][]byte{
		".svg": standalone(drawing, f.chart.title, f.chart.title+". "+f.says), ".png": image, ".csv": numbers,
	} {
		if err := replace(filepath.Join(dir, f.name+ending), text); err != nil {
			return nil, err
		}
	}
	return drawing, nil
}

// sweepAway removes charts that are not in the report any more.
func sweepAway(dir string, names map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ending := filepath.Ext(e.Name())
		if _, ours := names[strings.TrimSuffix(e.Name(), ending)]; ours || !slices.Contains([]string{".svg", ".png", ".csv"}, ending) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file at once: until it is whole it has another name.
func replace(name string, text []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Chmod(0o644)
	}
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	return err
}
