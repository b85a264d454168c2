package schemas

// Golden is one version of a legal entity's golden record: what the sources say of it, put together by authority. The hub writes
// it; its records are keyed by the entity, so that the versions of one keep their order.
type Golden struct {
	Entity     string         `avro:"entity"`      // the hub's own number, "E00000042"
	Version    int64          `avro:"version"`     // from 1
	Code       string         `avro:"code"`        // how the entity is named: its credit code, else another
	MergedInto *string        `avro:"merged_into"` // entity that it became part of; nil: it stands by itself
	SplitFrom  *string        `avro:"split_from"`  // entity that it was part of before
	Members    []GoldenMember `avro:"members"`
	Fields     []GoldenField  `avro:"fields"` // those that have a value
	At         string         `avro:"at"`     // RFC 3339
}

// GoldenMember is a registration that belongs to an entity.
type GoldenMember struct {
	Source    string `avro:"source"`
	SourceKey string `avro:"source_key"`
	Record    string `avro:"record"` // ID of the row's record, hexadecimal
	Home      string `avro:"home"`   // entity that it was first put to
}

// GoldenField is a value that holds, with the row that it comes from.
type GoldenField struct {
	Field     string `avro:"field"`
	Value     string `avro:"value"`  // as written
	Normal    string `avro:"normal"` // as compared
	Source    string `avro:"source"`
	SourceKey string `avro:"source_key"`
	File      string `avro:"file"`
	Line      int64  `avro:"line"` // physical line where the row begins, from 1
	Delivery  int64  `avro:"delivery"`
	UpdatedOn *Date  `avro:"updated_on"`
	Record    string `avro:"record"` // ID of the row's record, hexadecimal
}
