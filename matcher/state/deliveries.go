package state

import "slices"

// deliveries is a set of deliveries. Nearly all of those that there are belong to it, so it is kept as
// runs.
type deliveries []run

// run is the deliveries from first to last.
type run struct{ first, last int64 }

func (d deliveries) has(delivery int64) bool {
	i := d.behind(delivery)
	return i > 0 && delivery <= d[i-1].last
}

func (d deliveries) with(delivery int64) deliveries {
	if d.has(delivery) {
		return d
	}
	i := d.behind(delivery)
	d = slices.Insert(d, i, run{delivery, delivery})
	if i+1 < len(d) && d[i+1].first == delivery+1 {
		d[i].last = d[i+1].last
		d = slices.Delete(d, i+1, i+2)
	}
	if i > 0 && d[i-1].last == delivery-1 {
		d[i-1].last = d[i].last
		d = slices.Delete(d, i, i+1)
	}
	return d
}

// behind is the place of the first run that begins behind the delivery.
func (d deliveries) behind(delivery int64) int {
	i, _ := slices.BinarySearchFunc(d, delivery, func(r run, delivery int64) int {
		if r.first <= delivery {
			return -1
		}
		return 1
	})
	return i
}
