package entity

// Source is one of the agencies that describe legal entities. They are ordered: where nothing else decides, an earlier one is believed
// rather than a later one.
type Source uint8

// The sources, in their order.
const (
	Staffing   Source = iota // 编办: organs and public institutions
	Civil                    // 民政: social organisations
	Commerce                 // 市场监管: enterprises
	Tax                      // 税务
	Statistics               // 统计: the register of units
	Quality                  // 质监: the former centre of organisation codes

	numSources = iota
)

// agencies are the agencies of the sources, as profiles name them.
var agencies = [numSources]string{"staffing", "civil", "commerce", "tax", "statistics", "quality"}

// Sources gives all sources in their order.
func Sources() []Source { return []Source{Staffing, Civil, Commerce, Tax, Statistics, Quality} }

// SourceOf gives the source that an agency is.
func SourceOf(agency string) (s Source, ok bool) {
	for i, name := range agencies {
		if name == agency {
			return Source(i), true
		}
	}
	return 0, false
}

// String is the name of the agency.
func (s Source) String() string { return agencies[s] }
