package container

import "fmt"

// logical is a logical type of Avro.
type logical uint8

const (
	logicalNone logical = iota
	logicalDate
	logicalTimeMillis
	logicalTimeMicros
	logicalTimestampMillis
	logicalTimestampMicros
	logicalTimestampNanos
	logicalLocalMillis
	logicalLocalMicros
	logicalLocalNanos
	logicalDecimal
	logicalBigDecimal
	logicalUUID
)

var logicalNames = [...]string{"", "date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
	"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos", "decimal", "big-decimal", "uuid"}

func (l logical) String() string { return logicalNames[l] }

// uuidBytes is the size of a fixed that is a UUID.
const uuidBytes = 16

// fits says whether a type may have the logical type. Where it may not, the specification has readers see the type alone.
func (l logical) fits(n *node) bool {
	switch l {
	case logicalDate, logicalTimeMillis:
		return n.kind == kindInt
	case logicalDecimal:
		return n.kind == kindBytes || n.kind == kindFixed
	case logicalBigDecimal:
		return n.kind == kindBytes
	case logicalUUID:
		return n.kind == kindString || n.kind == kindFixed && n.size == uuidBytes
	}
	return n.kind == kindLong
}

// annotated gives a type its logical type.
func annotated(n *node, tree map[string]any) (*node, error) {
	name, _ := tree["logicalType"].(string)
	for l := logicalDate; l <= logicalUUID; l++ {
		if l.String() != name || !l.fits(n) {
			continue
		}
		if n.logical != logicalNone { // it stands with the definition
			return n, nil
		}
		if n.kind == kindFixed && tree["type"] != "fixed" { // a name of one that has none elsewhere
			other := *n
			n = &other
		}
		if n.logical = l; l != logicalDecimal {
			return n, nil
		}
		precision, ok := whole(tree["precision"], maxPrecision)
		if !ok || precision == 0 {
			return nil, fmt.Errorf("a decimal has no precision from 1 to %d", maxPrecision)
		}
		if scale, given := tree["scale"]; given {
			if n.scale, ok = whole(scale, int64(precision)); !ok {
				return nil, fmt.Errorf("a decimal of %d digits has no scale from 0 to as many", precision)
			}
		}
		return n, nil
	}
	return n, nil
}
