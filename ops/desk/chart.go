package desk

import (
	"fmt"

	"hebian/schemas"
)

// chartMonths is how many months a chart shows, the newest: two years, side by side on a screen.
const chartMonths = 24

// Measures of a chart, in units of its view box.
const (
	chartBar    = 9  // width of a bar
	chartMonth  = 36 // of a month: three bars and the space after them
	chartLeft   = 44 // for the numbers of the axis
	chartTop    = 8
	chartPlot   = 120 // height of the highest bar
	chartBottom = 34  // for month and year
)

// chart is figures by month as bars.
type chart struct {
	Width, Height int
	Right         int // end of the grid
	Base          int // where the bars stand
	Bars          []bar
	Months        []tick
	Grid          []tick
	Rows          []figureRow // the same as a table
}

// bar is one figure of one month.
type bar struct {
	X, Y, Width, Height int
	Kind                string // accepted, finished or overdue
	Says                string
}

// tick is a text at an axis.
type tick struct {
	At, Y      int
	Text, Year string
}

// figureRow is a month in numbers.
type figureRow struct {
	Month                             string
	Accepted, Finished, Overdue, Poor int64
}

// chartOf draws figures; nil where there are none.
func chartOf(l Language, figures []DossierFigure) *chart {
	figures = figures[max(len(figures)-chartMonths, 0):]
	if len(figures) == 0 {
		return nil
	}
	var most int64
	for _, f := range figures {
		most = max(most, f.Accepted, f.Finished, f.Overdue)
	}
	step := axisStep(most)
	top := max((most+step-1)/step, 1) * step
	c := &chart{Base: chartTop + chartPlot, Right: chartLeft + chartMonth*len(figures), Height: chartTop + chartPlot + chartBottom}
	c.Width = c.Right + chartBar
	height := func(n int64) int { return int(max(n, 0) * chartPlot / top) }
	for n := int64(0); n <= top; n += step {
		c.Grid = append(c.Grid, tick{At: c.Base - height(n), Text: fmt.Sprint(n)})
	}
	year := 0
	for i, f := range figures {
		m, ok := schemas.ParseMonth(f.Month)
		if !ok {
			continue
		}
		x := chartLeft + i*chartMonth + chartBar/2
		month := l.month(m)
		for j, one := range []struct {
			kind string
			n    int64
		}{{"accepted", f.Accepted}, {"finished", f.Finished}, {"overdue", f.Overdue}} {
			h := height(one.n)
			if h == 0 && one.n > 0 {
				h = 1 // little is not nothing
			}
			c.Bars = append(c.Bars, bar{x + j*chartBar, c.Base - h, chartBar - 1, h, one.kind, fmt.Sprintf("%s %s %d", month, l.T("entity.figures."+one.kind), one.n)})
		}
		t := tick{At: x + 3*chartBar/2, Text: fmt.Sprint(int(m) % 100)}
		if y := int(m) / 100; y != year {
			year, t.Year = y, fmt.Sprint(y)
		}
		c.Months = append(c.Months, t)
		c.Rows = append(c.Rows, figureRow{month, f.Accepted, f.Finished, f.Overdue, f.Poor})
	}
	return c
}

// axisStep is the distance of the lines of a grid: 1, 2 or 5 and zeros, some four lines up to the highest bar.
func axisStep(most int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, n := range []int64{1, 2, 5} {
			if step*n*4 >= most {
				return step * n
			}
		}
	}
}
