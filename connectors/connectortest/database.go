package connectortest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Environment variables that say where the servers are that tests may use: connection strings with the right to make databases.
// `.ci/servers` starts such servers.
const (
	PostgresVariable = "HEBIAN_TEST_POSTGRES" // a URL
	MariaDBVariable  = "HEBIAN_TEST_MARIADB"
)

// databaseTime bounds making and dropping a database.
const databaseTime = time.Minute

// Database is a scratch database of a partner.
type Database struct {
	Driver string // postgres or mysql
	Name   string
	DSN    string  // of the scratch database, as a connector takes it
	Client *Client // the partner's own connection to it

	server *Client // where it is made and dropped
}

// OpenDatabase makes a scratch database on a server. Options end the statement that makes it: "ENCODING 'EUC_CN'".
func OpenDatabase(ctx context.Context, driver, serverDSN, options string) (_ *Database, err error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	d := &Database{Driver: driver, Name: "scratch_" + strings.ToLower(rand.Text()[:12])}
	if driver == "postgres" {
		d.DSN, err = postgresDSN(serverDSN, d.Name)
	} else {
		d.DSN, err = mysqlDSN(serverDSN, d.Name)
	}
	if err != nil {
		return nil, err
	}
	if d.server, err = OpenClient(ctx, driver, serverDSN); err != nil {
		return nil, err
	}
	if err := d.server.Exec(ctx, "CREATE DATABASE "+d.Name+" "+options); err != nil {
		return nil, errors.Join(fmt.Errorf("make scratch database: %w", err), d.server.Close())
	}
	if d.Client, err = OpenClient(ctx, driver, d.DSN); err != nil {
		return nil, errors.Join(fmt.Errorf("open scratch database: %w", err), d.Drop())
	}
	return d, nil
}

// Drop drops the database, with whoever is still connected to it.
func (d *Database) Drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), databaseTime)
	defer cancel()
	var errs []error
	if d.Client != nil {
		errs = append(errs, d.Client.Close())
	}
	statement := "DROP DATABASE " + d.Name
	if d.Driver == "postgres" {
		statement += " WITH (FORCE)"
	}
	if err := d.server.Exec(ctx, statement); err != nil {
		errs = append(errs, fmt.Errorf("drop scratch database: %w", err))
	}
	return errors.Join(append(errs, d.server.Close())...)
}

// Client is one connection to a database, on which one statement runs at a time.
type Client struct {
	mu       sync.Mutex
	postgres *pgconn.PgConn
	db       *sql.DB
	conn     *sql.Conn
}

// OpenClient connects to a database.
func OpenClient(ctx context.Context, driver, dsn string) (*Client, error) {
	if driver == "postgres" {
		conn, err := pgconn.Connect(ctx, dsn)
		return &Client{postgres: conn}, err
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Client{db: db, conn: conn}, nil
}

// Exec runs a statement.
func (c *Client) Exec(ctx context.Context, statement string) error {
	_, err := c.Rows(ctx, statement)
	return err
}

// Rows runs a query and gives all its rows, "NULL" for what has no value.
func (c *Client) Rows(ctx context.Context, query string) ([][]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all [][]string
	if c.postgres != nil {
		results, err := c.postgres.Exec(ctx, query).ReadAll()
		for _, result := range results {
			for _, values := range result.Rows {
				all = append(all, words(values))
			}
		}
		return all, err
	}
	rows, err := c.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	raw, into := make([][]byte, len(columns)), make([]any, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, words(raw))
	}
	return all, rows.Err()
}

func words(values [][]byte) []string {
	row := make([]string, len(values))
	for i, v := range values {
		if row[i] = string(v); v == nil {
			row[i] = "NULL"
		}
	}
	return row
}

// Close ends the connection.
func (c *Client) Close() error {
	if c.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), databaseTime)
		defer cancel()
		return c.postgres.Close(ctx)
	}
	return errors.Join(c.conn.Close(), c.db.Close())
}

// ScratchDatabase gives a test a database of its own, which goes when the test ends. Where no server is named the test is skipped,
// or fails if nothing may be skipped.
func ScratchDatabase(t testing.TB, driver, options string) *Database {
	t.Helper()
	variable := PostgresVariable
	if driver == "mysql" {
		variable = MariaDBVariable
	}
	serverDSN := os.Getenv(variable)
	if serverDSN == "" {
		if os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
			t.Fatalf("%s names no server; `.ci/servers start DIR` starts one", variable)
		}
		t.Skipf("%s names no server; `.ci/servers start DIR` starts one (with HEBIAN_SKIP_NOTHING set this fails)", variable)
	}
	d, err := OpenDatabase(context.Background(), driver, serverDSN, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Drop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// postgresDSN is a connection string in the form of a URL, for another database.
func postgresDSN(serverDSN, name string) (string, error) {
	u, err := url.Parse(serverDSN)
	if err != nil || u.Scheme == "" {
		return "", errors.New("the connection string of the PostgreSQL server is no URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

func mysqlDSN(serverDSN, name string) (string, error) {
	c, err := mysql.ParseDSN(serverDSN)
	if err != nil {
		return "", fmt.Errorf("the connection string of the MariaDB server: %w", err)
	}
	c.DBName = name
	return c.FormatDSN(), nil
}
