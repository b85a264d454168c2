// Package desk is where officers sit: pages on which they find the next case, see its sources side by
// side and decide it, and the same for programs, as JSON. It keeps nothing and judges nothing: cases
// are the queue's, accounts are access's. Whatever leaves it has its identity numbers masked.
package desk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"hebian/matcher/evidence"
	"hebian/matcher/queue"
	"hebian/matcher/rules"
	"hebian/matcher/state"
	"hebian/ops/access"
	"hebian/schemas"
)

//go:embed templates/*.html assets/*
var files embed.FS

// Cases is what the desk reads of the queue.
type Cases interface {
	List(ctx context.Context, f queue.Filter, after string, limit int) ([]queue.Case, error)
	Counts(ctx context.Context, f queue.Filter) ([]queue.Count, error)
	Get(ctx context.Context, id string) (queue.Case, []queue.Event, error)
	Agencies() []string
	Links(ctx context.Context) ([]queue.LinkDecision, error)
}

// Decisions is what an officer does to a case.
type Decisions interface {
	Claim(ctx context.Context, id, officer string) (queue.Case, error)
	Release(ctx context.Context, id, officer string) (queue.Case, error)
	Decide(ctx context.Context, id, officer string, d queue.Decision) (queue.Case, error)
	Revoke(ctx context.Context, id, officer, reason string) (queue.Case, error)
}

// Options say what a desk works with.
type Options struct {
	Access *access.Access
	Queue  interface {
		Cases
		Decisions
	}
	Sources  func(ctx context.Context, refs []state.Ref) ([]evidence.Row, error) // the rows that a case stands on
	Entities Entities                                                            // nil: there are no pages about legal entities
	UnitName func(schemas.UnitCode) string                                       // "" for a unit that nobody knows; nil: units go by their codes
	Now      func() time.Time                                                    // times are shown in its zone
	Secure   bool                                                                // the desk is reached over HTTPS only
	IsFull   func(error) bool                                                    // says whether an error is of a disk without room; nil: none is
	Report   func(error)                                                         // told of errors that are nobody's doing at the desk
}

// Desk is the officers' pages.
type Desk struct {
	Options
	sessions *access.Sessions
	pages    *template.Template
	texts    map[string]rules.Text
	codes    []string // of findings, in the order of a case list
	assets   map[string]asset
	version  string // of the assets, part of their path: browsers keep them
	handler  http.Handler
}

// New builds a desk.
func New(o Options) (*Desk, error) {
	d := &Desk{Options: o, texts: map[string]rules.Text{}, assets: map[string]asset{}}
	d.sessions = o.Access.Sessions(o.Secure, d.fail)
	if d.IsFull == nil {
		d.IsFull = func(error) bool { return false }
	}
	all, err := queue.Texts()
	if err != nil {
		return nil, fmt.Errorf("build desk: %w", err)
	}
	for _, text := range all {
		d.texts[text.Code] = text
		d.codes = append(d.codes, text.Code)
	}
	if d.pages, err = template.ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("build desk: %w", err)
	}
	if err := d.loadAssets(); err != nil {
		return nil, fmt.Errorf("build desk: %w", err)
	}
	d.handler = d.routes()
	return d, nil
}

// ServeHTTP answers with a page.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

func (d *Desk) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/cases", http.StatusSeeOther) })
	mux.HandleFunc("GET /signin", d.signInPage)
	mux.HandleFunc("POST /signin", d.signIn)
	mux.HandleFunc("POST /signout", d.signedIn(d.signOut))
	mux.HandleFunc("GET /cases", d.signedIn(d.list))
	mux.HandleFunc("GET /cases/{id}", d.signedIn(d.open))
	mux.HandleFunc("GET /cases/{id}/next", d.signedIn(d.next))
	mux.HandleFunc("POST /cases/{id}/claim", d.signedIn(d.claim))
	mux.HandleFunc("POST /cases/{id}/release", d.signedIn(d.release))
	mux.HandleFunc("POST /cases/{id}/decide", d.signedIn(d.decide))
	mux.HandleFunc("POST /cases/{id}/revoke", d.signedIn(d.revoke))
	if d.Entities != nil {
		mux.HandleFunc("GET /entities", d.signedIn(d.search))
		mux.HandleFunc("GET /entities/{id}", d.signedIn(d.entity))
	}
	mux.HandleFunc("/", d.notFound)

	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(d.refused))
	inside := foreign.Handler(d.sessions.Wrap(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.protect(w.Header())
		if name, ok := strings.CutPrefix(r.URL.Path, "/assets/"); ok {
			d.asset(w, r, name)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		rememberLanguage(w, r)
		inside.ServeHTTP(w, r)
	})
}

// maxFormBytes bounds a form: a reason of 2,000 characters, escaped, is 18 KB.
const maxFormBytes = 64 << 10

// protect tells browsers to run no script and load nothing but ours, and to show us in nobody's frame.
func (d *Desk) protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if d.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// frame is what every page shows around its own matter.
type frame struct {
	Language
	Title     string
	Name      string // of who is signed in, if anybody
	IsOfficer bool
	FormToken string
	Here      url.URL // the page itself, for the other language
	Now       string
	Assets    string
	CanSearch bool   // there are legal entities to find
	IsSearch  bool   // the page is a search itself
	Query     string // that was searched for
	Alert     string // what the officer must know first
	Note      string // what is good to know
}

// visit is a request of somebody who is signed in.
type visit struct {
	frame
	w       http.ResponseWriter
	r       *http.Request
	account access.Account
	now     time.Time
}

func (d *Desk) frame(r *http.Request) frame {
	here := url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if r.Method == http.MethodPost {
		here.Path = path.Dir(here.Path) // what a form was sent to is no page
	}
	return frame{Language: languageOf(r), Here: here, Now: d.Now().Format(timeFormat), Assets: "/assets/" + d.version, CanSearch: d.Entities != nil}
}

// Switch is where the page is found in the other language.
func (f frame) Switch() string {
	values := f.Here.Query()
	values.Set("lang", string(f.Other()))
	f.Here.RawQuery = values.Encode()
	return f.Here.String()
}

// signedIn asks for a sign-in first, and of a form for the token that only our pages hold.
func (d *Desk) signedIn(handle func(v *visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, ok, err := d.sessions.Account(r.Context())
		if err != nil {
			d.fail(w, r, err)
			return
		}
		if !ok {
			d.toSignIn(w, r)
			return
		}
		if r.Method == http.MethodPost && !d.sessions.IsFormToken(r.Context(), r.PostFormValue("token")) {
			d.refused(w, r)
			return
		}
		v := &visit{frame: d.frame(r), w: w, r: r, account: account, now: d.Now()}
		v.Name, v.IsOfficer = account.Name, account.Role == access.Officer
		v.FormToken = d.sessions.FormToken(r.Context())
		handle(v)
	}
}

// show writes a page, or, should it not come out, that it did not.
func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, name string, page any) {
	var b bytes.Buffer
	if err := d.pages.ExecuteTemplate(&b, name, page); err != nil {
		d.Report(fmt.Errorf("show page %s: %w", name, err))
		http.Error(w, languageOf(r).T("error.internal"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // the reader went away
}

// message is a page of one sentence.
func (d *Desk) message(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	f := d.frame(r)
	f.Title, f.Alert, f.Here = f.T(title), f.T(text), url.URL{Path: "/cases"}
	d.show(w, r, status, "message", struct{ frame }{f})
}

func (d *Desk) notFound(w http.ResponseWriter, r *http.Request) {
	d.message(w, r, http.StatusNotFound, "error.notfound.title", "error.notfound")
}

// refused answers a form that did not come from our own page.
func (d *Desk) refused(w http.ResponseWriter, r *http.Request) {
	d.message(w, r, http.StatusForbidden, "error.refused.title", "error.refused")
}

// fail answers a request that something broke under; the officer can do nothing about it.
func (d *Desk) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the reader went away
	}
	d.Report(fmt.Errorf("%s %s: %w", r.Method, r.Pattern, err))
	if d.IsFull(err) {
		d.message(w, r, http.StatusInsufficientStorage, "error.internal.title", "error.full")
		return
	}
	d.message(w, r, http.StatusInternalServerError, "error.internal.title", "error.internal")
}

// asset is a file that pages refer to.
type asset struct {
	content []byte
	kind    string
}

func (d *Desk) loadAssets() error {
	all, err := fs.Glob(files, "assets/*")
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, name := range all {
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum.Write(content)
		d.assets[path.Base(name)] = asset{content, mime.TypeByExtension(path.Ext(name))}
	}
	d.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return nil
}

func (d *Desk) asset(w http.ResponseWriter, r *http.Request, name string) {
	version, name, _ := strings.Cut(name, "/")
	a, ok := d.assets[name]
	if !ok || version != d.version {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
