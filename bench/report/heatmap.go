package report

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/result"
)

// perDecade is how many bands of latency a power of ten has.
const perDecade = 8

// A heatMap counts response times by when they were answered and how long they took, over all runs of a cell.
type heatMap struct {
	step   int                   // seconds a column
	counts map[int]map[int]int64 // by column and band
}

// bandOf is the band of a latency; band b ends at 10^((b+1)/perDecade) ns.
func bandOf(d time.Duration) int {
	return int(math.Floor(math.Log10(math.Max(float64(d), 1)) * perDecade))
}

// bandStart is where a band begins, in ns.
func bandStart(b int) float64 { return math.Pow(10, float64(b)/perDecade) }

// maxColumns bounds the width of heat maps.
const maxColumns = 120

// readHeat reads the logs of a cell's runs. Runs without one are left out.
func readHeat(folder *result.Folder, c *cell) (*heatMap, error) {
	length := time.Duration(c.Config.Time.Duration).Seconds()
	h := &heatMap{step: int(max(1, math.Ceil(length/maxColumns))), counts: map[int]map[int]int64{}}
	for _, r := range c.runs {
		if c.counts() && r.Status == result.Invalid {
			continue
		}
		err := h.read(filepath.Join(folder.RunDir(r.Cell, r.Repeat), "run.hlog"), result.Driving(c.Config).String())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return h, nil
}

// read adds the intervals of one operation: lines as Tag=producer/post,0.251,1.000,3.1,HISTFAAA…
func (h *heatMap) read(name, operation string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	first := math.NaN()
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ",")
		if len(fields) != 5 || fields[0] != "Tag="+operation {
			continue
		}
		from, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if math.IsNaN(first) {
			first = from
		}
		counts, err := measure.Decode(measure.Encoded(fields[4]))
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		h.add(int(math.Round(from-first))/h.step, counts)
	}
	return lines.Err()
}

func (h *heatMap) add(column int, counts *measure.Histogram) {
	if h.counts[column] == nil {
		h.counts[column] = map[int]int64{}
	}
	for d, n := range counts.Buckets() {
		h.counts[column][bandOf(d)] += n
	}
}

// bands are the lowest and the highest that have anything.
func (h *heatMap) bands() (low, high int, some bool) {
	low, high = math.MaxInt, math.MinInt
	for _, column := range h.counts {
		for b := range column {
			low, high, some = min(low, b), max(high, b), true
		}
	}
	return low, high, some
}

// columns is how many there are.
func (h *heatMap) columns() (n int) {
	for c := range h.counts {
		n = max(n, c+1)
	}
	return n
}

// warmth is the step of the scale for a share of its column: a thousandth is seen, and a hundredth well.
func warmth(share float64) int {
	const faintest = 3 // powers of ten
	at := (math.Log10(share) + faintest) / faintest
	return min(max(int(at*float64(len(heat))), 0), len(heat)-1)
}

// Plot draws it: all fields of one warmth as one path.
func (h *heatMap) Plot(on draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&on)
	paths := make([]vg.Path, len(heat))
	for c := range h.columns() {
		total := int64(0)
		for _, n := range h.counts[c] {
			total += n
		}
		low, high, some := h.bands()
		for b := low; some && b <= high; b++ {
			n := h.counts[c][b]
			if n == 0 {
				continue
			}
			box := vg.Rectangle{
				Min: vg.Point{X: toX(float64(c * h.step)), Y: toY(max(bandStart(b), p.Y.Min))},
				Max: vg.Point{X: toX(float64((c + 1) * h.step)), Y: toY(min(bandStart(b+1), p.Y.Max))},
			}
			w := warmth(float64(n) / float64(total))
			paths[w] = append(paths[w], box.Path()...)
		}
	}
	for w, path := range paths {
		if len(path) > 0 {
			on.SetColor(heat[w])
			on.Fill(path)
		}
	}
}
