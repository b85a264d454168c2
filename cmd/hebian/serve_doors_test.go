package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"hebian/connectors"
	"hebian/connectors/connectortest"
	"hebian/connectors/life"
	"hebian/connectors/push"
	"hebian/connectors/table"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// taxProfile is the office's own word on the register of the tax office: a row has a name, so that single rows can come and go.
const taxProfile = `agency: tax
name: 税务
files:
  - file: entities/tax.csv
    subject: entity.registration
    form: csv
    encoding: gb18030
    optional: true
    key: [纳税人识别号]
    columns:
      - {header: 纳税人识别号, field: source_key, required: true}
      - {header: 纳税人名称, field: name, required: true}
      - {header: 法定代表人, field: legal_rep}
      - {header: 纳税人状态, field: status, required: true}
      - {header: 更新日期, field: updated_on}
`

// hookSecret signs what goes to webhooks.
const hookSecret = "sixteen bytes or more"

// newConnected makes a hub with a configuration, in whose folder the given files lie beside. Its own profiles are in the folder profiles.
func newConnected(t *testing.T, config string, files map[string]string, args ...string) *served {
	t.Helper()
	files = maps.Clone(files)
	if files == nil {
		files = map[string]string{}
	}
	files["c.yaml"], files["hook.secret"] = config, hookSecret+"\n"
	if files["profiles/tax.yaml"] == "" {
		files["profiles/tax.yaml"] = taxProfile
	}
	dir := writeCounty(t, files)
	return newFurnished(t, append([]string{"--as-of", "2026-09-30", "--config", filepath.Join(dir, "c.yaml")}, args...)...)
}

// furnished is a data folder with all tokens and accounts, and nothing else: that of the first hub that was wanted. To make one takes long.
var furnished struct {
	sync.Mutex
	files  map[string][]byte
	tokens map[string]string
}

// newFurnished makes a hub as newServed does, from what that made the first time.
func newFurnished(t *testing.T, args ...string) *served {
	t.Helper()
	furnished.Lock()
	defer furnished.Unlock()
	if furnished.files == nil {
		h := newServed(t)
		files := map[string][]byte{}
		entries, err := os.ReadDir(h.data)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			files[entry.Name()] = []byte(readText(t, h.data, entry.Name()))
		}
		furnished.files, furnished.tokens = files, h.tokens
	}
	h := &served{test: t, data: filepath.Join(t.TempDir(), "data"), args: args, tokens: maps.Clone(furnished.tokens), http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(h.kill)
	if err := os.Mkdir(h.data, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range furnished.files {
		if err := os.WriteFile(filepath.Join(h.data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// usual is what configurations of these tests begin with: the tax office's register alone makes golden records.
const usual = "profiles: profiles\nserve: {withdraw_percent: 100}\nentities: {sources: [tax]}\n"

// connector reads how a connector does.
func (h *served) connector(t *testing.T, name string) (s life.Status) {
	t.Helper()
	h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/connectors/"+name, nil).into(t, &s)
	return s
}

// steer pauses, resumes, runs, rewinds or resets a connector.
func (h *served) steer(t *testing.T, name, verb, body string) {
	t.Helper()
	h.must(t, http.StatusOK, operator, http.MethodPost, "/v1/connectors/"+name+"/"+verb, strings.NewReader(body), "Content-Type", "application/json")
}

// rested waits until a connector has come to the end of so many further runs.
func (h *served) rested(t *testing.T, name string, runs int64) {
	t.Helper()
	before := h.connector(t, name).Runs
	eventually(t, "connector "+name+" runs", func() bool { return h.connector(t, name).Runs >= before+runs })
}

// receipts lists all receipts of a file, the oldest first. file may be empty: of all.
func (h *served) receipts(t *testing.T, who, file string) (all []connectors.Receipt) {
	t.Helper()
	for next := "/v1/receipts?limit=1000&file=" + file; next != ""; {
		var page push.ReceiptList
		h.must(t, http.StatusOK, who, http.MethodGet, next, nil).into(t, &page)
		all, next = append(all, page.Receipts...), page.Next
	}
	all = slices.DeleteFunc(all, func(r connectors.Receipt) bool { return r.Outcome == connectors.Open }) // nothing of it counts yet
	slices.Reverse(all)
	return all
}

// waiting is how many rows of each file wait in quarantine.
func (h *served) waiting(t *testing.T) map[string]int64 {
	t.Helper()
	var list struct{ Files []push.QuarantinedFile }
	h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/quarantine", nil).into(t, &list)
	all := map[string]int64{}
	for _, f := range list.Files {
		all[f.File] = f.Rows
	}
	return all
}

// balanced adds up the receipts of a file, and gives the rows that count and those that wait: what was added less what was taken back.
func (h *served) balanced(t *testing.T, file string) (live, waiting int64) {
	t.Helper()
	var sum int64
	for _, r := range h.receipts(t, operator, file) {
		if r.Outcome != connectors.Complete {
			continue
		}
		if r.RowsRead != r.Accepted+r.Quarantined {
			t.Errorf("delivery %d: %d rows read, %d accepted, %d quarantined", r.Delivery, r.RowsRead, r.Accepted, r.Quarantined)
		}
		sum += r.Added - r.Retracted
		live = r.Live
	}
	waiting = h.waiting(t)[file]
	if live+waiting != sum {
		t.Errorf("%s: %d rows count and %d wait, the receipts add up to %d", file, live, waiting, sum)
	}
	return live, waiting
}

// taxpayers are the names that golden records have from the tax register, by the row's key.
func (h *served) taxpayers(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	text := h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/golden.ndjson", nil).body
	for _, g := range goldenLines(t, string(text)) {
		name := g.Fields["name"]
		names[name.SourceKey] = name.Value
	}
	return names
}

// shows waits until the tax register is, in the end, what it should be.
func (h *served) shows(t *testing.T, want map[string]string) {
	t.Helper()
	var got map[string]string
	end := time.Now().Add(patience)
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		if got = h.taxpayers(t); maps.Equal(got, want) {
			look.Stop()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the register differs (-want +got):\n%.3000s\n%s", gocmp.Diff(want, got), h.log.String())
		}
	}
}

// taxpayer is a row of the tax register as an object.
func taxpayer(key, name string) string {
	return fmt.Sprintf(`{"纳税人识别号":%q,"纳税人名称":%q,"纳税人状态":"正常","更新日期":"2026-01-01"}`, key, name)
}

// taxService is the tax office's HTTP service.
type taxService struct {
	*connectortest.Service
	rows map[string]string // names by key
	tick time.Time
}

func newTaxService(t *testing.T) *taxService {
	t.Helper()
	service, err := connectortest.NewService(connectortest.ServiceOptions{MaxPage: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	return &taxService{service, map[string]string{}, time.Now().Add(-time.Hour)}
}

// put puts a row, or one more version of it.
func (s *taxService) put(key, name string) {
	s.raw(key, taxpayer(key, name))
	s.rows[key] = name
}

// remove says that a row is gone.
func (s *taxService) remove(key string) {
	s.raw(key, fmt.Sprintf(`{"纳税人识别号":%q,"$gone":true}`, key))
	delete(s.rows, key)
}

// raw puts whatever JSON.
func (s *taxService) raw(key, row string) {
	s.tick = s.tick.Add(time.Second)
	if rest, ok := strings.CutPrefix(row, "{"); ok {
		row = fmt.Sprintf(`{"updated":%q,`, s.tick.Format(time.RFC3339)) + rest
	}
	s.Put(connectortest.ServiceRow{Key: key, JSON: []byte(row), Updated: s.tick})
}

// merging is the configuration of a connector that fetches what has changed there.
func (s *taxService) merging(name string) string {
	return fmt.Sprintf(`
  - name: %s
    agency: tax
    file: tax.csv
    every: 100ms
    rest:
      url: %s/page
      allow: [127.0.0.0/8]
      rate: {per_second: 1000, burst: 1000}
      timeout: 2s
      budget: 2s
      tries: 1
      mode: merge
      rows_at: data.items
      paging: {style: page, size_param: size, size: 10}
      since: {param: since, field: updated}
`, name, s.URL())
}

// An agency's HTTP service is read on and on: new rows, changed rows and rows that are gone, pages of them. What is no row goes to
// quarantine and stops nothing; a kill loses no place; and what is read again from the start changes nothing.
func TestDoorsREST(t *testing.T) {
	t.Parallel()
	service := newTaxService(t)
	for n := range 25 {
		service.put(fmt.Sprintf("T%02d", n), fmt.Sprintf("企业%d", n))
	}
	h := newConnected(t, usual+"connectors:"+service.merging("tax-rest"), nil)
	h.start(t)
	h.shows(t, service.rows)

	service.put("T03", "企业三改名")
	service.remove("T04")
	service.put("T99", "新企业")
	service.raw("bad", `{"纳税人识别号":"T05","纳税人名称":"","纳税人状态":"正常"}`)
	service.raw("worse", `"no row at all"`)
	h.shows(t, service.rows)
	eventually(t, "two rows are in quarantine", func() bool { return h.waiting(t)["entities/tax.csv"] == 2 })
	service.put("T50", "后来的企业")
	h.shows(t, service.rows)
	h.rested(t, "tax-rest", 1)
	if live, waiting := h.balanced(t, "entities/tax.csv"); live != int64(len(service.rows)) || waiting != 2 {
		t.Errorf("%d rows count and %d wait, want %d and 2", live, waiting, len(service.rows))
	}
	status := h.connector(t, "tax-rest")
	all := h.receipts(t, operator, "entities/tax.csv")
	var rows int64
	for _, r := range all {
		rows += r.RowsRead
		if r.Connector != "tax-rest" || r.By != "tax-rest" || r.Mode != connectors.Merge {
			t.Errorf("delivery %d came by %q of %q in mode %s", r.Delivery, r.Connector, r.By, r.Mode)
		}
	}
	if status.Rows != rows || status.Deliveries != int64(len(all)) || status.LastDelivery != all[len(all)-1].Delivery || status.Failures != 0 {
		t.Errorf("the connector counts %+v; %d receipts have %d rows", status.Tally, len(all), rows)
	}

	t.Run("a kill loses no place", func(t *testing.T) {
		h.kill()
		h.start(t)
		h.rested(t, "tax-rest", 2)
		if again := h.receipts(t, operator, "entities/tax.csv"); len(again) != len(all) || h.connector(t, "tax-rest").Position != status.Position {
			t.Errorf("%d deliveries after a kill, %d before; it goes on from %q, not %q", len(again), len(all), h.connector(t, "tax-rest").Position, status.Position)
		}
	})
	t.Run("read again from the start it changes nothing", func(t *testing.T) {
		h.steer(t, "tax-rest", "pause", `{"why":"再读一遍"}`)
		h.steer(t, "tax-rest", "reset", "{}")
		h.steer(t, "tax-rest", "resume", "{}")
		eventually(t, "it is read again", func() bool { return h.connector(t, "tax-rest").Rows >= rows+int64(len(service.rows)) })
		for _, r := range h.receipts(t, operator, "entities/tax.csv")[len(all):] {
			if r.Added != 0 || r.Retracted != 0 || r.Unchanged != r.RowsRead {
				t.Errorf("delivery %d of rows that are known added %d and took %d back", r.Delivery, r.Added, r.Retracted)
			}
		}
		h.shows(t, service.rows)
		h.balanced(t, "entities/tax.csv")
	})
	h.stop(t)
}

// A service that always gives everything is a file that is replaced: as it was, it is no new delivery, also after a start.
func TestDoorsWhole(t *testing.T) {
	t.Parallel()
	service := newTaxService(t)
	service.put("T1", "甲")
	service.put("T2", "乙")
	h := newConnected(t, usual+fmt.Sprintf(`
connectors:
  - {name: tax-all, agency: tax, file: tax.csv, every: 100ms, rest: {url: %s/none, allow: [127.0.0.0/8], rate: {per_second: 1000, burst: 1000}, mode: full, rows_at: data.items}}
`, service.URL()), nil)
	h.start(t)
	h.shows(t, service.rows)
	h.rested(t, "tax-all", 2)
	h.kill()
	h.start(t)
	h.rested(t, "tax-all", 2)
	if all := h.receipts(t, operator, "entities/tax.csv"); len(all) != 1 || all[0].Mode != connectors.Full || all[0].Live != 2 {
		t.Errorf("a service that says the same again and again made the deliveries %+v", all)
	}
	service.Delete("T1")
	delete(service.rows, "T1")
	service.put("T3", "丙")
	h.shows(t, service.rows)
	if live, _ := h.balanced(t, "entities/tax.csv"); live != 2 {
		t.Errorf("%d rows count, want 2", live)
	}
	// Said by another road since, what the service says counts again.
	h.take(t, "entities/tax.csv", gb18030("纳税人识别号,纳税人名称,纳税人状态\nT9,别人,正常\n"))
	eventually(t, "the service's word counts again", func() bool { return len(h.receipts(t, operator, "entities/tax.csv")) == 4 })
	h.shows(t, service.rows)
}

// An agency that no built-in profile knows is described by the template that comes with the hub, is connected, and has a token; its register
// is kept, though it is none of the sources of legal entities.
func TestDoorsNewAgency(t *testing.T) {
	t.Parallel()
	service, err := connectortest.NewService(connectortest.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	row := func(key, name, op string) {
		text := fmt.Sprintf(`{"登记编号":%q,"名称":%q,"状态":"正常","成立日期":"2020年1月2日","操作":%q}`, key, name, op)
		service.Put(connectortest.ServiceRow{Key: key, JSON: []byte(text)})
	}
	row("R1", "某协会", "")
	row("R2", "某学会", "")
	h := newConnected(t, usual+fmt.Sprintf(`
connectors:
  - name: new-one
    agency: my-agency
    file: register.csv
    every: 100ms
    rest: {url: %s/feed, allow: [127.0.0.0/8], rate: {per_second: 1000, burst: 1000}, mode: merge, rows_at: data.items, paging: {style: cursor, next_at: data.next}}
`, service.URL()), map[string]string{"profiles/new.yaml": string(connectors.Template)})
	h.start(t)
	const file = "entities/register.csv"
	newest := func() (r connectors.Receipt) {
		if all := h.receipts(t, operator, file); len(all) > 0 {
			r = all[len(all)-1]
		}
		return r
	}
	eventually(t, "both rows are in", func() bool { return newest().Live == 2 })
	row("R2", "", "D")
	row("R3", "某商会", "")
	row("R1", "某协会改名", "")
	eventually(t, "changes are in", func() bool { s := h.connector(t, "new-one"); return s.Rows == 5 })
	if live, waiting := h.balanced(t, file); live != 2 || waiting != 0 {
		t.Errorf("%d rows count and %d wait, want 2 and 0", live, waiting)
	}
	h.caughtUp(t, "2026-09-30")
	config := h.args[slices.Index(h.args, "--config")+1]
	h.tokens["my-agency"] = h.issue(t, "--agency", "my-agency", "--config", config)
	if all := h.receipts(t, "my-agency", ""); len(all) == 0 || all[0].Agency != "my-agency" {
		t.Errorf("the agency sees %+v", all)
	}
	h.must(t, http.StatusCreated, "my-agency", http.MethodPost, "/v1/deliveries/my-agency/wages-202609.csv", bytes.NewReader(payroll(1, 2)))
	h.caughtUp(t, "2026-09-30")
	h.kill()
	h.start(t)
	h.rested(t, "new-one", 2)
	if s := h.connector(t, "new-one"); s.Rows != 5 || s.Failures != 0 {
		t.Errorf("after a kill: %+v", s)
	}
}

// sftpIn is the configuration of a connector that fetches files from an SFTP server.
func sftpIn(name, agency, file string, server *connectortest.SFTP, more string) string {
	return fmt.Sprintf(`
  - name: %s
    agency: %s
    file: %q
    every: 100ms
    sftp: {address: %q, user: %s, password_file: sftp.password, host_keys: [%q], dir: /, marker: true%s}
`, name, agency, file, server.Addr, server.User, server.HostKey, more)
}

func newSFTP(t *testing.T) (*connectortest.SFTP, string) {
	t.Helper()
	dir := t.TempDir()
	server, err := connectortest.NewSFTP(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, dir
}

// lay lays a whole file down, with the marker that says so.
func lay(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name+".done")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, f := range []string{name, name + ".done"} {
		if err := os.WriteFile(filepath.Join(dir, f+".part"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, f+".part"), filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
}

// Files on an agency's SFTP server come in under their names, of any month; a file that is replaced is a new version; one that can't be
// read has a receipt that says so, and keeps no other waiting.
func TestDoorsSFTP(t *testing.T) {
	t.Parallel()
	server, dir := newSFTP(t)
	lay(t, dir, "payroll-202608.csv", bytes.ReplaceAll(payroll(1, 2), gb18030("5000"), gb18030("4000")))
	lay(t, dir, "payroll-202609.csv", payroll(1, 2, 3))
	lay(t, dir, "other.csv", []byte("not asked for\n"))
	lay(t, dir, "tax.csv", gb18030("纳税人识别号,纳税人名称,纳税人状态\nT1,甲,正常\n"))
	h := newConnected(t, usual+"connectors:"+sftpIn("pay", "finance", "payroll-{month}.csv", server, "")+sftpIn("tax", "tax", "tax.csv", server, ""),
		map[string]string{"sftp.password": server.Password})
	h.start(t)
	payrolls := []string{"finance/payroll-202608.csv", "finance/payroll-202609.csv"}
	eventually(t, "three files are in", func() bool { return len(h.receipts(t, operator, "")) == 3 })
	for i, file := range payrolls {
		r := h.receipts(t, operator, file)[0]
		if r.Live != int64(i+2) || r.Connector != "pay" || r.Mode != connectors.Full || r.Period != file[16:22] {
			t.Errorf("the receipt of %s is %+v", file, r)
		}
	}
	h.shows(t, map[string]string{"T1": "甲"})

	lay(t, dir, "payroll-202609.csv", payroll(1, 3, 4, 5))
	eventually(t, "a new version is in", func() bool { return len(h.receipts(t, operator, payrolls[1])) == 2 })
	if r := h.receipts(t, operator, payrolls[1])[1]; r.Added != 2 || r.Retracted != 1 || r.Live != 4 {
		t.Errorf("the new version is %+v", r)
	}
	lay(t, dir, "payroll-202608.csv", []byte("this,is\nno,payroll\n"))
	lay(t, dir, "payroll-202610.csv", payroll(1))
	eventually(t, "what comes behind a file that can't be read is in", func() bool { return len(h.receipts(t, operator, "finance/payroll-202610.csv")) == 1 })
	h.rested(t, "pay", 2)
	if all := h.receipts(t, operator, payrolls[0]); len(all) != 2 || all[1].Outcome != connectors.Failed || all[1].Error == "" {
		t.Errorf("the receipts of a file that can't be read are %+v", all)
	}
	h.kill()
	h.start(t)
	before := len(h.receipts(t, operator, ""))
	h.rested(t, "pay", 2)
	h.rested(t, "tax", 2)
	if after := len(h.receipts(t, operator, "")); after != before || before != 6 {
		t.Errorf("%d deliveries, after a kill %d; want 6", before, after)
	}
	for _, file := range payrolls {
		h.balanced(t, file)
	}
}

// newBroker starts a partner's Kafka.
func newBroker(t *testing.T, topics ...string) (*connectortest.Broker, *kgo.Client) {
	t.Helper()
	broker, err := connectortest.NewBroker(2, topics, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return broker, client
}

// tell puts messages into a topic.
func tell(t *testing.T, client *kgo.Client, topic string, keysAndValues ...string) {
	t.Helper()
	for i := 0; i < len(keysAndValues); i += 2 {
		record := &kgo.Record{Topic: topic, Key: []byte(keysAndValues[i])}
		if keysAndValues[i+1] != "" {
			record.Value = []byte(keysAndValues[i+1])
		}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// payerSchema is what the tax office's messages in Avro are.
const payerSchema = `{"type":"record","name":"Payer","fields":[{"name":"id","type":"string"},{"name":"name","type":"string"},{"name":"status","type":"string"}]}`

// payer is such a message.
func payer(cells ...string) string {
	var b []byte
	for _, cell := range cells {
		b = append(append(b, byte(len(cell)<<1)), cell...) // short ones
	}
	return string(b)
}

// Messages of a partner's topic are rows: in JSON or Avro, changed by later ones of their key, and taken back by one without a value.
func TestDoorsTopic(t *testing.T) {
	t.Parallel()
	broker, client := newBroker(t, "tax-json", "tax-avro")
	avroProfile := strings.NewReplacer("header: 纳税人识别号", "header: id", "header: 纳税人名称", "header: name", "header: 纳税人状态", "header: status", "[纳税人识别号]", "[id]").Replace(taxProfile)
	for name, c := range map[string]struct {
		profile, more string
		message       func(key, name string) string
	}{
		"json": {taxProfile, `format: json, key_column: 纳税人识别号`, taxpayer},
		"avro": {avroProfile, `format: avro, schema_file: payer.avsc, key_column: id`, func(key, name string) string { return payer(key, name, "正常") }},
	} {
		t.Run(name, func(t *testing.T) {
			topic := "tax-" + name
			h := newConnected(t, usual+fmt.Sprintf("connectors:\n  - {name: %s, agency: tax, file: tax.csv, every: 100ms, topic: {brokers: [%q], topic: %s, %s}}\n", topic, broker.Addr, topic, c.more),
				map[string]string{"profiles/tax.yaml": c.profile, "payer.avsc": payerSchema})
			h.start(t)
			tell(t, client, topic, "A", c.message("A", "甲"), "B", c.message("B", "乙"), "C", c.message("C", "丙"))
			h.shows(t, map[string]string{"A": "甲", "B": "乙", "C": "丙"})
			tell(t, client, topic, "A", c.message("A", "甲改"), "B", "", "X", "\x00\x01 no message", "D", c.message("D", "丁"))
			want := map[string]string{"A": "甲改", "C": "丙", "D": "丁"}
			h.shows(t, want)
			eventually(t, "poison is in quarantine", func() bool { return h.waiting(t)["entities/tax.csv"] == 1 })
			h.kill()
			tell(t, client, topic, "C", "", "E", c.message("E", "戊"))
			delete(want, "C")
			want["E"] = "戊"
			h.start(t)
			h.shows(t, want)
			if live, waiting := h.balanced(t, "entities/tax.csv"); live != 3 || waiting != 1 {
				t.Errorf("%d rows count and %d wait, want 3 and 1", live, waiting)
			}
		})
	}
}

// Rows of an exchange table come in once they are marked as new, and are marked as read when they are on disk here; those refused are marked so.
// Of a table that only grows, what has changed comes.
func TestDoorsTable(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"postgres", "mysql"} {
		t.Run(driver, func(t *testing.T) {
			d := connectortest.ScratchDatabase(t, driver, "")
			exec := func(statements ...string) {
				t.Helper()
				for _, statement := range statements {
					if err := d.Client.Exec(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
			}
			exec("CREATE TABLE payers (id varchar(20) PRIMARY KEY, name varchar(50), status varchar(20), updated varchar(20), op varchar(1), flag varchar(1))",
				"INSERT INTO payers VALUES ('A', '甲', '正常', NULL, 'U', 'N'), ('B', '乙', '正常', NULL, 'U', 'N')")
			profile := strings.NewReplacer("header: 纳税人识别号", "header: id", "header: 纳税人名称", "header: name", "header: 纳税人状态", "header: status", "header: 更新日期", "header: updated", "[纳税人识别号]", "[id]").Replace(taxProfile)
			h := newConnected(t, usual+fmt.Sprintf(`
connectors:
  - name: tax-table
    agency: tax
    file: tax.csv
    every: 100ms
    table: {driver: %s, dsn_file: dsn, table: payers, key: [id], mode: status, status: {column: flag, new: N, read: R, refused: X}, gone: {column: op, values: [D]}}
`, driver), map[string]string{"profiles/tax.yaml": profile, "dsn": d.DSN + "\n"})
			h.start(t)
			h.shows(t, map[string]string{"A": "甲", "B": "乙"})
			exec("UPDATE payers SET name = '甲改', flag = 'N' WHERE id = 'A'", "UPDATE payers SET op = 'D', flag = 'N' WHERE id = 'B'", "INSERT INTO payers VALUES ('C', '丙', '正常', NULL, 'U', 'N')")
			h.shows(t, map[string]string{"A": "甲改", "C": "丙"})
			h.rested(t, "tax-table", 1)
			exec("INSERT INTO payers VALUES ('D', '丁', '正常', 'never', 'U', 'N')")
			eventually(t, "a row that does not fit waits", func() bool { return h.waiting(t)["entities/tax.csv"] == 1 })
			eventually(t, "it is marked", func() bool { // killed before, the hub would read it again beside others
				rows, err := d.Client.Rows(t.Context(), "SELECT flag FROM payers WHERE id = 'D'")
				return err == nil && fmt.Sprint(rows) == "[[X]]"
			})
			h.kill()
			exec("INSERT INTO payers VALUES ('E', '戊', '正常', NULL, 'U', 'N')")
			h.start(t)
			h.shows(t, map[string]string{"A": "甲改", "C": "丙", "E": "戊"})
			h.rested(t, "tax-table", 1)
			rows, err := d.Client.Rows(t.Context(), "SELECT id, flag FROM payers ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(rows), "[[A R] [B R] [C R] [D X] [E R]]"; got != want {
				t.Errorf("the rows are marked %s, want %s", got, want)
			}
			if live, waiting := h.balanced(t, "entities/tax.csv"); live != 3 || waiting != 1 {
				t.Errorf("%d rows count and %d wait, want 3 and 1", live, waiting)
			}
		})
	}
}

// paidWithoutSlot has a hub open the cases of persons 40 and following, and gives their IDs.
func (h *served) paidWithoutSlot(t *testing.T, cases int) (ids []string) {
	t.Helper()
	files := village(40, 40+cases)
	for name, content := range files {
		h.take(t, name, content)
	}
	h.declareAll(t, "202609", files)
	eventually(t, "the cases are open", func() bool { return len(h.cases(t)) == cases })
	for n := range cases {
		ids = append(ids, noSlot(40+n))
	}
	return ids
}

// confirm has an officer decide that a case is right.
func (h *served) confirm(t *testing.T, id string) {
	t.Helper()
	h.claim(t, officer, id)
	if r, err := h.decide(officer, id, queue.OutcomeConfirmed, "查无编制"); err != nil || r.status != http.StatusOK {
		t.Fatalf("decide: status %d, %v: %s", r.status, err, r.body)
	}
}

// dispatches lists what a connector brought, the oldest first.
func (h *served) dispatchesOf(t *testing.T, name string) (all []push.Dispatched) {
	t.Helper()
	var list struct{ Dispatches []push.Dispatched }
	h.must(t, http.StatusOK, operator, http.MethodGet, "/v1/connectors/"+name+"/dispatches", nil).into(t, &list)
	slices.Reverse(list.Dispatches)
	return list.Dispatches
}

func newHook(t *testing.T, secret string) *connectortest.Hook {
	t.Helper()
	hook, err := connectortest.NewHook(secret, http.StatusConflict)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hook.Close() })
	return hook
}

// hooked is the configuration of a connector that brings a feed to a webhook.
func hooked(name, agency, feed string, hook *connectortest.Hook) string {
	return fmt.Sprintf(`
  - {name: %s, agency: %s, feed: %s, every: 100ms, webhook: {url: %s/in, secret_file: hook.secret, allow: [127.0.0.0/8], tries: 1, timeout: 1s, budget: 1s, rate: {per_second: 1000, burst: 1000}}}
`, name, agency, feed, hook.URL())
}

// correctionsIn reads corrections from records, by their case. Each must be there once.
func correctionsIn(t *testing.T, records []string) map[string]schemas.Correction {
	t.Helper()
	all, ids := map[string]schemas.Correction{}, map[string]bool{}
	for _, record := range records {
		var c schemas.Correction
		if err := json.Unmarshal([]byte(record), &c); err != nil {
			t.Fatalf("%v\n%s", err, record)
		}
		if ids[c.ID] {
			t.Errorf("correction %s came twice", c.ID)
		}
		all[c.Case], ids[c.ID] = c, true
	}
	return all
}

// A correction goes to its agency by whatever road that has: once, signed where it is by webhook; only then is its case sent.
func TestDoorsBring(t *testing.T) {
	t.Parallel()
	hook := newHook(t, hookSecret)
	server, dir := newSFTP(t)
	broker, client := newBroker(t, "corrections")
	client.AddConsumeTopics("corrections")
	laid := t.TempDir()
	roads := map[string]func(t *testing.T) (config string, received func() []string){
		"webhook": func(t *testing.T) (string, func() []string) {
			return hooked("out", "finance", "corrections", hook), func() (all []string) {
				for _, r := range hook.Received() {
					all = append(all, string(r.JSON))
				}
				return all
			}
		},
		"folder": func(t *testing.T) (string, func() []string) {
			return fmt.Sprintf("\n  - {name: out, agency: finance, feed: corrections, every: 100ms, folder: %q}\n", laid), func() []string { return linesIn(t, laid) }
		},
		"sftp": func(t *testing.T) (string, func() []string) {
			return fmt.Sprintf("\n  - {name: out, agency: finance, feed: corrections, every: 100ms, sftp: {address: %q, user: %s, password_file: sftp.password, host_keys: [%q], dir: /}}\n",
				server.Addr, server.User, server.HostKey), func() []string { return linesIn(t, dir) }
		},
		"topic": func(t *testing.T) (string, func() []string) {
			var all []string
			config := fmt.Sprintf("\n  - {name: out, agency: finance, feed: corrections, every: 100ms, topic: {brokers: [%q], topic: corrections}}\n", broker.Addr)
			return config, func() []string {
				for len(all) < 2 {
					for _, r := range client.PollRecords(t.Context(), 100).Records() {
						all = append(all, string(r.Value))
					}
				}
				return all
			}
		},
	}
	for _, driver := range []string{"postgres", "mysql"} {
		roads[driver] = func(t *testing.T) (string, func() []string) {
			d := connectortest.ScratchDatabase(t, driver, "")
			if err := d.Client.Exec(t.Context(), table.SinkDDL(table.Driver(driver), "corrections")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(laid, "dsn"), []byte(d.DSN), 0o600); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("\n  - {name: out, agency: finance, feed: corrections, every: 100ms, table: {driver: %s, dsn_file: %q, table: corrections}}\n", driver, filepath.Join(laid, "dsn")),
				func() (all []string) {
					rows, err := d.Client.Rows(t.Context(), "SELECT body FROM corrections ORDER BY dispatch_id, number")
					if err != nil {
						t.Fatal(err)
					}
					for _, row := range rows {
						all = append(all, row[0])
					}
					return all
				}
		}
	}
	for name, road := range roads {
		t.Run(name, func(t *testing.T) {
			config, received := road(t)
			h := newConnected(t, usual+"connectors:"+config, map[string]string{"sftp.password": server.Password})
			h.start(t)
			ids := h.paidWithoutSlot(t, 2)
			for _, id := range ids {
				h.confirm(t, id)
				eventually(t, "the case is sent", func() bool { return h.look(t, id).State == "sent" })
			}
			got := correctionsIn(t, received())
			for _, id := range ids {
				if c := got[id]; c.Agency != "finance" || c.Outcome != "confirmed" || c.Due == nil || len(c.Rows) == 0 {
					t.Errorf("the correction of case %s is %+v", id, c)
				}
			}
			if len(got) != len(ids) {
				t.Errorf("%d corrections came, want %d", len(got), len(ids))
			}
			if there, _ := filepath.Glob(filepath.Join(h.data, "out", "finance", "*")); len(there) != 0 {
				t.Errorf("what was brought is laid into the agency's folder too: %v", there)
			}
			for i, d := range h.dispatchesOf(t, "out") {
				if d.Number != int64(i+1) || d.Sent.IsZero() || d.Feed != "corrections" {
					t.Errorf("dispatch %d is %+v", i+1, d)
				}
			}
		})
	}
	if refused := hook.Refused(); len(refused) != 0 {
		t.Errorf("the webhook did not take %v", refused)
	}
}

// linesIn reads all lines of the files of a folder that hold records.
func linesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for line := range strings.Lines(readText(t, file)) {
			var framed struct{ Record json.RawMessage }
			if err := json.Unmarshal([]byte(line), &framed); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, string(framed.Record))
		}
	}
	return all
}

// While an agency's webhook does not answer its cases stay decided, and the connector says what is wrong; when it answers again
// everything goes on by itself, once. A dispatch can be brought again: the same records under the same number.
func TestDoorsWebhookAway(t *testing.T) {
	t.Parallel()
	hook := newHook(t, hookSecret)
	h := newConnected(t, usual+"connectors:"+hooked("out", "finance", "corrections", hook)+hooked("news", "finance", "findings", newHook(t, "another secret of partners")), nil)
	mend := hook.FailAlways(connectortest.Fault{Status: http.StatusInternalServerError})
	h.start(t)
	ids := h.paidWithoutSlot(t, 3)
	for _, id := range ids {
		h.confirm(t, id)
	}
	eventually(t, "the connector is in trouble", func() bool {
		s := h.connector(t, "out")
		return (s.State == life.BackingOff || s.State == life.CircuitOpen) && strings.Contains(s.Reason, "500") && s.Failures > 0
	})
	eventually(t, "the partner that does not know our signature is a person's business", func() bool { return h.connector(t, "news").State == life.Failed })
	for _, id := range ids {
		if state := h.look(t, id).State; state != "decided" {
			t.Errorf("case %s is %s while nobody has its correction, want decided", id, state)
		}
	}
	unsent := h.dispatchesOf(t, "out")
	if len(unsent) != 1 || !unsent[0].Sent.IsZero() || unsent[0].Tries == 0 || unsent[0].Error == "" {
		t.Errorf("the dispatches are %+v, want one that was tried", unsent)
	}
	h.kill()
	h.start(t)
	mend()
	h.steer(t, "out", "run", "{}")
	for _, id := range ids {
		eventually(t, "the case is sent", func() bool { return h.look(t, id).State == "sent" })
	}
	var got []string
	for _, r := range hook.Received() {
		got = append(got, string(r.JSON))
	}
	if len(correctionsIn(t, got)) != len(ids) {
		t.Errorf("%d corrections came, want %d", len(got), len(ids))
	}

	before := hook.Tries()
	var again push.Dispatched
	h.must(t, http.StatusOK, operator, http.MethodPost, "/v1/connectors/out/dispatches/1/resend", nil).into(t, &again)
	first := h.dispatchesOf(t, "out")[0]
	if again.Number != 1 || again.Digest != first.Digest || again.Records != first.Records || hook.Tries() != before+1 {
		t.Errorf("brought again, dispatch 1 is %+v, was %+v; the webhook heard of it %d times", again, first, hook.Tries()-before)
	}
	if taken := len(hook.Received()); taken != len(ids) {
		t.Errorf("after a dispatch that came again the partner has %d corrections, want %d", taken, len(ids))
	}
	if p := h.must(t, http.StatusNotFound, operator, http.MethodPost, "/v1/connectors/out/dispatches/99/resend", nil).problem(t); p.Type != "urn:hebian:problem:unknown_dispatch" {
		t.Errorf("the problem is %s", p.Type)
	}
	hook.FailAlways(connectortest.Fault{Status: http.StatusServiceUnavailable})
	if p := h.must(t, http.StatusBadGateway, operator, http.MethodPost, "/v1/connectors/out/dispatches/1/resend", nil).problem(t); p.Type != "urn:hebian:problem:not_brought" {
		t.Errorf("the problem is %s", p.Type)
	}
	if now := h.dispatchesOf(t, "out")[0]; now.Sent.IsZero() {
		t.Errorf("a dispatch that was sent is no longer, as it could not be brought again: %+v", now)
	}
	h.must(t, http.StatusForbidden, "finance", http.MethodPost, "/v1/connectors/out/dispatches/1/resend", nil)
	h.must(t, http.StatusNotFound, "tax", http.MethodGet, "/v1/connectors/out", nil)
}

// One partner that is down, hangs or answers nonsense keeps no other waiting.
func TestDoorsApart(t *testing.T) {
	t.Parallel()
	well := newTaxService(t)
	config := usual + "golden: [finance]\nconnectors:" + well.merging("well")
	ill := map[string]connectortest.Fault{
		"down": {Break: connectortest.Reset}, "hangs": {Break: connectortest.HalfOpen}, "broken": {Status: http.StatusInternalServerError}, "nonsense": {Break: connectortest.Garbage},
	}
	for name, fault := range ill {
		service := newTaxService(t)
		service.FailAlways(fault)
		config += strings.Replace(strings.ReplaceAll(service.merging(name), "agency: tax", "agency: finance"), "file: tax.csv", "file: keyed.csv", 1)
	}
	hook := newHook(t, hookSecret)
	hook.FailAlways(connectortest.Fault{Break: connectortest.HalfOpen})
	config += hooked("hook", "finance", "golden", hook)
	keyed := strings.NewReplacer("agency: tax", "agency: finance", "entities/tax.csv", "entities/keyed.csv").Replace(taxProfile)
	h := newConnected(t, config, map[string]string{"profiles/finance.yaml": keyed})
	h.start(t)
	for n := range 10 {
		well.put(fmt.Sprintf("T%d", n), fmt.Sprintf("企业%d", n))
		h.shows(t, well.rows)
	}
	for name := range ill {
		eventually(t, name+" is in trouble", func() bool {
			s := h.connector(t, name)
			return s.Failures > 0 && s.Reason != "" && s.LastDelivery == 0
		})
	}
	var list struct{ Connectors []life.Status }
	h.must(t, http.StatusOK, "finance", http.MethodGet, "/v1/connectors", nil).into(t, &list)
	var names []string
	for _, c := range list.Connectors {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if want := append(slices.Sorted(maps.Keys(ill)), "hook"); !slices.Equal(names, sorted(want)) {
		t.Errorf("the agency sees %v", names)
	}
	if s := h.connector(t, "well"); s.Failures != 0 || s.LastSuccess.IsZero() {
		t.Errorf("the one that does well is %+v", s)
	}
	h.stop(t)
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// What a connector's configuration lacks is said by the key, before anything runs.
func TestConnectorConfig(t *testing.T) {
	for name, c := range map[string]struct{ connector, want string }{
		"no agency":          {`{name: a, agency: nobody, file: tax.csv, folder: x}`, "agency"},
		"no file of theirs":  {`{name: a, agency: tax, file: nothing.csv, rest: {url: "http://x/y", mode: full}}`, "describes no nothing.csv"},
		"both":               {`{name: a, agency: tax, file: tax.csv, feed: findings, folder: x}`, "file"},
		"no road":            {`{name: a, agency: tax, file: tax.csv}`, "want one road"},
		"wrong way":          {`{name: a, agency: tax, file: tax.csv, folder: x}`, "no road that way"},
		"no month":           {`{name: a, agency: finance, file: "payroll-{month}.csv", rest: {url: "http://x/y", mode: full}}`, "month"},
		"no such feed":       {`{name: a, agency: tax, feed: gossip, folder: x}`, "feed"},
		"no secret":          {`{name: a, agency: tax, feed: findings, webhook: {url: "http://x/y", secret_file: nowhere}}`, "webhook.secret_file"},
		"no golden for them": {`{name: a, agency: tax, feed: golden, folder: x}`, "golden"},
		"a name twice":       {"{name: a, agency: tax, feed: findings, folder: x}\n  - {name: a, agency: tax, feed: findings, folder: x}", "two of that name"},
		"unknown key":        {`{name: a, agency: tax, feed: findings, folder: x, often: true}`, "often"},
		"merge without key":  {`{name: a, agency: statistics, file: statistics.csv, rest: {url: "http://x/y", mode: merge, rows_at: a, since: {param: s, field: f}}}`, "key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeCounty(t, map[string]string{"c.yaml": "profiles: profiles\nconnectors:\n  - " + c.connector + "\n", "profiles/tax.yaml": taxProfile})
			code, _, errs := hebian(t, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0", "--config", filepath.Join(dir, "c.yaml"))
			if code == 0 || !strings.Contains(errs, c.want) || cmp.Or(strings.Count(strings.TrimSpace(errs), "\n"), 0) > 12 {
				t.Errorf("exit code %d, want a word on %q:\n%s", code, c.want, errs)
			}
		})
	}
}
