package sqldb

// ListQuery is the query behind List.
var ListQuery = listQuery
