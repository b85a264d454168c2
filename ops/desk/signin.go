package desk

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"hebian/ops/access"
)

// entryCookie holds the token of the sign-in form: before there is a session, a form that carries what the
// cookie holds comes from our own page. A cookie of this kind is not sent along from other sites.
const entryCookie = "hebian-entry"

type signInPage struct {
	frame
	Next  string // where to go after
	Typed string // name that was typed
	Field string // that the alert is about
}

// signInPage shows the form.
func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok, err := d.sessions.Account(r.Context()); err == nil && ok {
		http.Redirect(w, r, localPath(r.FormValue("next")), http.StatusSeeOther)
		return
	}
	p := signInPage{frame: d.frame(r), Next: localPath(r.FormValue("next"))}
	if r.FormValue("ended") != "" {
		p.Alert = p.T("signin.ended")
	}
	d.showSignIn(w, r, http.StatusOK, p)
}

func (d *Desk) showSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) {
	token := rand.Text()
	if c, err := r.Cookie(entryCookie); err == nil && c.Value != "" {
		token = c.Value // of the same form in another tab
	}
	http.SetCookie(w, &http.Cookie{Name: entryCookie, Value: token, Path: "/signin", HttpOnly: true, Secure: d.Secure, SameSite: http.SameSiteStrictMode})
	p.Title, p.FormToken, p.Here = p.T("signin.title"), token, url.URL{Path: "/signin", RawQuery: url.Values{"next": {p.Next}}.Encode()}
	d.show(w, r, status, "signin", p)
}

// signIn looks at name and password.
func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(entryCookie)
	if err != nil || c.Value == "" || subtle.ConstantTimeCompare([]byte(c.Value), []byte(r.PostFormValue("token"))) != 1 {
		d.refused(w, r)
		return
	}
	p := signInPage{frame: d.frame(r), Next: localPath(r.PostFormValue("next")), Typed: r.PostFormValue("name")}
	account, err := d.Access.SignIn(r.Context(), p.Typed, r.PostFormValue("password"))
	var locked *access.LockedError
	switch {
	case errors.Is(err, access.ErrWrong):
		p.Alert, p.Field = p.T("signin.wrong"), "password"
		d.showSignIn(w, r, http.StatusUnauthorized, p)
	case errors.As(err, &locked):
		p.Alert = p.T("signin.locked", locked.Until.In(d.Now().Location()).Format("15:04"))
		d.showSignIn(w, r, http.StatusTooManyRequests, p)
	case errors.Is(err, access.ErrBusy):
		p.Alert = p.T("signin.busy")
		w.Header().Set("Retry-After", "5")
		d.showSignIn(w, r, http.StatusServiceUnavailable, p)
	case err != nil:
		d.fail(w, r, err)
	default:
		if err := d.sessions.Begin(r.Context(), account); err != nil {
			d.fail(w, r, err)
			return
		}
		http.Redirect(w, r, p.Next, http.StatusSeeOther)
	}
}

func (d *Desk) signOut(v *visit) {
	if err := d.sessions.End(v.r.Context()); err != nil {
		d.fail(v.w, v.r, err)
		return
	}
	http.Redirect(v.w, v.r, "/signin", http.StatusSeeOther)
}

// toSignIn sends to the sign-in page and from there back. What a form was sent to is no page to come back to.
func (d *Desk) toSignIn(w http.ResponseWriter, r *http.Request) {
	values := url.Values{}
	switch {
	case r.Method == http.MethodGet:
		values.Set("next", r.URL.RequestURI())
	case r.PathValue("id") != "":
		values.Set("next", "/cases/"+r.PathValue("id"))
	}
	if d.sessions.Carried(r) {
		values.Set("ended", "1")
	}
	http.Redirect(w, r, "/signin?"+values.Encode(), http.StatusSeeOther)
}

// localPath keeps a redirect inside the desk.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.ContainsAny(next, "\\\r\n") || strings.HasPrefix(next, "//") {
		return "/cases"
	}
	return next
}
