package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms says which rooms each room may know. A record walks one way through the house.
var rooms = map[string][]string{
	"schemas":    {},
	"connectors": {"schemas"},
	"hub":        {"schemas"},
	"matcher":    {"schemas", "hub"},
	"ops":        {"schemas", "hub", "matcher"},
	"cmd":        {"schemas", "connectors", "hub", "matcher", "ops"},
}

// technologies may be imported only below the package named for them, never at the top of a room.
var technologies = map[string][]string{
	"database/sql":                   {"hub/sqldb", "hub/sqllog", "matcher/sqldb", "matcher/queue/sqldb", "ops/access/sqldb", "connectors/table"},
	"modernc.org/sqlite":             {"hub/sqldb"},
	"github.com/pressly/goose":       {"hub/sqldb"},
	"github.com/hamba/avro":          {"schemas"},
	"github.com/segmentio/kafka-go":  {"hub/kafka", "connectors/topic"},
	"github.com/klauspost/compress":  {"hub/sqllog", "connectors/archive", "connectors/container", "connectors/sheet"},
	"github.com/alecthomas/kong":     {"cmd/hebian"},
	"github.com/goccy/go-yaml":       {"connectors", "matcher/rules", "matcher/entity", "cmd/hebian"},
	"golang.org/x/text":              {"connectors", "schemas/ident", "cmd/hebian"},
	"github.com/jedib0t/go-pretty":   {"cmd/hebian"},
	"github.com/schollz/progressbar": {"cmd/hebian"},
	"net/http":                       {"cmd/hebian", "connectors/push", "connectors/outside", "connectors/rest", "connectors/webhook", "ops"},
	"github.com/go-resty/resty":      {"connectors/push", "connectors/outside"},
	"github.com/sony/gobreaker":      {"connectors/push", "connectors/outside"},
	"github.com/alexedwards/scs":     {"ops/access"},
	"golang.org/x/crypto":            {"ops/access", "connectors/sftp"},
	"github.com/pkg/sftp":            {"connectors/sftp"},
	"github.com/jackc/pgx":           {"connectors/table"},
	"github.com/go-sql-driver/mysql": {"connectors/table"},
	"github.com/robfig/cron":         {"connectors/life"},
	"github.com/xuri/excelize":       {"connectors/sheet"},
	"html/template":                  {"ops/desk"},
	"github.com/prometheus":          {"ops/watch"},
	"github.com/danielgtaylor/huma":  {"connectors/push", "ops", "cmd/hebian"},
}

// TestRooms parses every import of the project and fails on one that goes the wrong way.
func TestRooms(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files++
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for _, wrong := range judgeImport(filepath.ToSlash(relative), imported) {
				t.Errorf("%s: %s", relative, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("looked at %d files only: is the walk right?", files)
	}
}

func judgeImport(file, imported string) (wrong []string) {
	folder := path.Dir(file)
	room, _, _ := strings.Cut(folder, "/")
	test := strings.HasSuffix(file, "_test.go") || strings.HasSuffix(folder, "test")
	if below, ours := strings.CutPrefix(imported, "hebian/"); ours {
		target, _, _ := strings.Cut(below, "/")
		known, ok := rooms[room]
		if !ok {
			return []string{room + " is no room of the house"}
		}
		if target != room && !slices.Contains(known, target) {
			return []string{room + " may not know " + target + " (" + imported + ")"}
		}
		return nil
	}
	for technology, homes := range technologies {
		if test || imported != technology && !strings.HasPrefix(imported, technology+"/") {
			continue
		}
		if !slices.ContainsFunc(homes, func(home string) bool { return folder == home || strings.HasPrefix(folder, home+"/") }) {
			wrong = append(wrong, imported+" belongs in "+strings.Join(homes, ", "))
		}
	}
	return wrong
}

// The judge itself can fail.
func TestJudgeImport(t *testing.T) {
	for _, test := range []struct {
		file, imported string
		wrong          bool
	}{
		{"hub/intake.go", "hebian/schemas", false},
		{"hub/intake.go", "hebian/connectors", true},
		{"connectors/read.go", "hebian/hub", true},
		{"schemas/slot.go", "hebian/schemas/ident", false},
		{"schemas/slot.go", "hebian/hub", true},
		{"hub/intake.go", "database/sql", true},
		{"hub/sqllog/sqllog.go", "database/sql", false},
		{"hub/intake_test.go", "database/sql", false},
		{"cmd/hebian/check.go", "hebian/matcher/rules", false},
		{"matcher/rules/x.go", "hebian/cmd/hebian", true},
		{"attic/x.go", "hebian/schemas", true},
	} {
		if wrong := judgeImport(test.file, test.imported); (len(wrong) > 0) != test.wrong {
			t.Errorf("%s importing %s: judged %q", test.file, test.imported, wrong)
		}
	}
}
