package hub

// EqualID is the ID of one of several equal rows.
var EqualID = equalID

// ShelfRows sets how many rows the indexes of an intake hold together.
func (in *Intake) ShelfRows(n int) { in.shelf.bound = n }
