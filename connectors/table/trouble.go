package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"hebian/connectors"
)

// Numbers of errors of MySQL that mean something here.
const (
	tooManyConnections = 1040
	syntaxError        = 1064
	unknownVariable    = 1193
	lockWaited         = 1205
	deadlock           = 1213
)

// asTrouble says what an error of a database means, and what was tried. Of what the server says only what can hold no value of a row
// goes on.
func asTrouble(tried string, err error) error {
	if err == nil {
		return nil
	}
	if trouble := (*connectors.Trouble)(nil); errors.As(err, &trouble) {
		return err
	}
	kind, says := connectors.Unreachable, ""
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		kind, says = postgresTrouble(e)
	} else if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		kind, says = mysqlTrouble(e)
	} else if e := net.Error(nil); errors.As(err, &e) && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		says = "no answer in time"
	} else if e := (*net.OpError)(nil); errors.As(err, &e) {
		says = e.Error()
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, mysql.ErrInvalidConn) {
		says = "the connection broke"
	} else {
		says = err.Error()
	}
	return &connectors.Trouble{Kind: kind, Err: fmt.Errorf("%s: %s", tried, says)}
}

func postgresTrouble(e *pgconn.PgError) (connectors.TroubleKind, string) {
	says := fmt.Sprintf("PostgreSQL says %s: %s", e.Code, e.Message)
	class := ""
	if len(e.Code) == 5 {
		class = e.Code[:2]
	}
	switch {
	case class == "28", e.Code == "42501":
		return connectors.Denied, says
	case e.Code == "57014":
		return connectors.Unreachable, says + " (it took too long)"
	case e.Code == "53300", class == "40", class == "55":
		return connectors.Busy, says
	case class == "08", class == "53", class == "57", class == "58", class == "XX":
		return connectors.Unreachable, says
	case class == "42", class == "3D", class == "3F", class == "25", class == "26":
		return connectors.Unfit, says
	}
	return connectors.Unfit, fmt.Sprintf("PostgreSQL says %s", e.Code) // its words may hold a value
}

func mysqlTrouble(e *mysql.MySQLError) (connectors.TroubleKind, string) {
	says := fmt.Sprintf("the server says %d: %s", e.Number, e.Message)
	switch e.Number {
	case 1044, 1045, 1130, 1142, 1143, 1227, 1410, 1698: // access denied, to whatever
		return connectors.Denied, says
	case tooManyConnections, 1203, 1226, lockWaited, deadlock, 3572: // too many of something, locked, a deadlock
		return connectors.Busy, says
	case 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 1969, 3024: // it shuts down, breaks off, or stops a query
		return connectors.Unreachable, says
	case 1049, 1054, 1146, 1356, syntaxError: // no such database, column, table; a view that fits no more
		return connectors.Unfit, says
	}
	return connectors.Unfit, fmt.Sprintf("the server says %d", e.Number) // its words may hold a value
}

// isLocked says whether others hold what a statement waited for, or we and they waited for one another.
func isLocked(err error) bool {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code == "55P03" || e.Code == "40P01"
	}
	code := mysqlCode(err)
	return code == lockWaited || code == deadlock
}

func mysqlCode(err error) uint16 {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// isUnreachable says whether a new connection may help.
func isUnreachable(err error) bool {
	trouble := (*connectors.Trouble)(nil)
	return errors.As(err, &trouble) && trouble.Kind == connectors.Unreachable
}

// unfit is trouble that a person must look at.
func unfit(format string, args ...any) error {
	return &connectors.Trouble{Kind: connectors.Unfit, Err: fmt.Errorf(format, args...)}
}
