package report

import (
	"bytes"
	"fmt"
	"image/png"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A chart is a description that any canvas can draw: panels of one size below a title and a legend.
type chart struct {
	title   string
	legend  []entry
	columns int
	height  vg.Length // of a panel, its axes included
	panels  []panel
}

// A panel is one plot of a chart.
type panel struct {
	title string
	x, y  axis
	draws []plot.Plotter // from the back to the front
}

// An entry of a legend is a line or mark, or a swatch, and what it stands for.
type entry struct {
	look   look
	line   bool // with its line
	swatch bool // a filled box of the look's shade
	hatch  bool
	text   string
}

// The measures of a chart, in points.
const (
	chartWidth vg.Length = 760
	margin     vg.Length = 10
	gapX       vg.Length = 20
	gapY       vg.Length = 14
	titleRoom  vg.Length = 20
	legendRoom vg.Length = 15
	legendGap  vg.Length = 5
	nameRoom   vg.Length = 15 // of a panel's title
)

// panelRoom is that of the titles of panels, if they have any.
func (c *chart) panelRoom() vg.Length {
	if slices.ContainsFunc(c.panels, func(p panel) bool { return p.title != "" }) {
		return nameRoom
	}
	return 0
}

// rows is how many rows of panels there are.
func (c *chart) rows() int { return (len(c.panels) + c.columns - 1) / c.columns }

// tall is the height of the whole chart.
func (c *chart) tall() vg.Length {
	rows := vg.Length(c.rows())
	return 2*margin + titleRoom + c.legendHeight() + rows*(c.panelRoom()+c.height) + (rows-1)*gapY
}

// legendHeight is that of the legend with the gap below it.
func (c *chart) legendHeight() vg.Length {
	if len(c.legend) == 0 {
		return 0
	}
	return legendRoom*vg.Length(len(c.legendLines())) + legendGap
}

// panelWidth is that of a panel, its axes included.
func (c *chart) panelWidth() vg.Length {
	columns := vg.Length(c.columns)
	return (chartWidth - 2*margin - (columns-1)*gapX) / columns
}

// draw puts the chart onto a canvas.
func (c *chart) draw(on vg.CanvasSizer) {
	all := draw.New(on)
	all.SetColor(paper)
	all.Fill(all.Rectangle.Path())
	inner := draw.Crop(all, margin, -margin, margin, -margin)
	inner.FillText(bold(lettering(titleSize, ink)), vg.Point{X: inner.Min.X, Y: inner.Max.Y - titleSize}, c.title)
	top := inner.Max.Y - titleRoom
	for _, line := range c.legendLines() {
		c.drawLegend(inner, line, top)
		top -= legendRoom
	}
	inner.Max.Y -= titleRoom + c.legendHeight()
	c.drawPanels(inner)
}

func (c *chart) drawPanels(inner draw.Canvas) {
	plots := make([][]*plot.Plot, c.rows())
	for i := range plots {
		plots[i] = make([]*plot.Plot, c.columns)
	}
	for i, p := range c.panels {
		plots[i/c.columns][i%c.columns] = p.plot(c.panelWidth())
	}
	tiles := draw.Tiles{Rows: c.rows(), Cols: c.columns, PadX: gapX, PadY: gapY + c.panelRoom(), PadTop: c.panelRoom()}
	canvases := plot.Align(plots, tiles, inner)
	for i, p := range c.panels {
		if p.title != "" {
			room := tiles.At(inner, i%c.columns, i/c.columns)
			inner.FillText(bold(lettering(panelSize, ink)), vg.Point{X: room.Min.X, Y: room.Max.Y + 6}, p.title)
		}
		plots[i/c.columns][i%c.columns].Draw(canvases[i/c.columns][i%c.columns])
	}
}

func (p panel) plot(width vg.Length) *plot.Plot {
	made := plot.New()
	made.BackgroundColor = nil
	const axisRoom = 60 // of the labels at the left, about
	p.x.spread(width - axisRoom).put(&made.X)
	p.y.put(&made.Y)
	made.Add(p.draws...)
	p.x.spread(width - axisRoom).put(&made.X) // what was added may have stretched them
	p.y.put(&made.Y)
	return made
}

const (
	keyRoom  vg.Length = 26 // of a line with its mark
	entryGap vg.Length = 14
)

func (e entry) width() vg.Length { return keyRoom + lettering(labelSize, ink).Width(e.text) + entryGap }

// legendLines breaks the legend into lines.
func (c *chart) legendLines() (lines [][]entry) {
	room := vg.Length(0)
	for _, e := range c.legend {
		if len(lines) == 0 || e.width() > room {
			lines, room = append(lines, nil), chartWidth-2*margin
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], e)
		room -= e.width()
	}
	return lines
}

func (c *chart) drawLegend(on draw.Canvas, line []entry, top vg.Length) {
	x, middle := on.Min.X, top-legendRoom/2
	for _, e := range line {
		e.drawKey(on, x, middle)
		style := lettering(labelSize, ink)
		style.YAlign = draw.YCenter
		on.FillText(style, vg.Point{X: x + keyRoom - 3, Y: middle}, e.text)
		x += e.width()
	}
}

func (e entry) drawKey(on draw.Canvas, x, middle vg.Length) {
	from, to := vg.Point{X: x, Y: middle}, vg.Point{X: x + keyRoom - 8, Y: middle}
	switch {
	case e.swatch:
		box := vg.Rectangle{Min: vg.Point{X: x + 6, Y: middle - 4}, Max: vg.Point{X: x + keyRoom - 8, Y: middle + 4}}
		fillBar(on, box, e.look.shade, e.hatch)
		return
	case e.line:
		on.StrokeLine2(e.look.stroke(), from.X, from.Y, to.X, to.Y)
	}
	drawMark(on, vg.Point{X: (from.X + to.X) / 2, Y: middle}, e.look, e.hatch)
}

// svg draws the chart as SVG, readable by itself.
func (c *chart) svg() []byte {
	canvas := vgsvg.New(chartWidth, c.tall())
	c.draw(canvas)
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		panic("report: " + err.Error()) // a buffer takes all
	}
	return out.Bytes()
}

// dotsPerInch of images: enough for text to be sharp.
const dotsPerInch = 120

// png draws the chart as an image.
func (c *chart) png() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(chartWidth, c.tall()), vgimg.UseDPI(dotsPerInch))
	c.draw(canvas)
	var out bytes.Buffer
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := fast.Encode(&out, canvas.Image()); err != nil {
		return nil, fmt.Errorf("draw %q: %w", c.title, err)
	}
	return out.Bytes(), nil
}
