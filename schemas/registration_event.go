package schemas

// RegistrationEvent is something that happened to a legal entity on a register: 登记 变更 注销 公告 年检.
type RegistrationEvent struct {
	USCC       UnitCode              `avro:"uscc"`
	Source     string                `avro:"source"` // the agency, as it is the same subject for all of them
	SourceID   string                `avro:"source_id"`
	Name       string                `avro:"name"`
	Event      RegistrationEventKind `avro:"event"`
	Effective  Date                  `avro:"effective"`
	Field      *string               `avro:"field"` // what was changed, in the agency's words
	OldValue   *string               `avro:"old_value"`
	NewValue   *string               `avro:"new_value"`
	DocumentNo *string               `avro:"document_no"` // 文号 or 证书号
	Rest       []Cell                `avro:"rest"`
}

// Key is the entity's code.
func (r *RegistrationEvent) Key() string { return string(r.USCC) }

// Derive names the agency.
func (r *RegistrationEvent) Derive(d Delivered) (string, Reason) {
	r.Source = d.Agency
	return "", ""
}
