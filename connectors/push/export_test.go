package push

// InParts has files of that size and more go in parts, and says how large those are.
func (c *Client) InParts(from, part int64) { c.partsFrom, c.partBytes = from, part }
