package table

// What tests of parts take apart.
var (
	AppendText = appendText
	Array      = array
	ParseState = func(position string) (string, error) {
		s, err := parseState(position, "by", 1)
		if err != nil {
			return "", err
		}
		return s.position()
	}
)
