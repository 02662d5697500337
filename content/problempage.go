package content

import (
	"log/slog"
	"net/http"
)

// problemView is what the page for people shows of an error.
type problemView struct {
	Status              int
	Title, Reason, Home string
}

// problem answers an error: a page for people, a line of text for everybody else.
func (x *exchange) problem(status int, reason string) {
	x.set("Vary", "Accept")
	if x.wantedForm() == asPage {
		err := x.page(status, "problem", problemView{status, http.StatusText(status), reason, x.home()})
		if err == nil {
			return
		}
		x.Log.ErrorContext(x.ctx, "the page of an error cannot be written", slog.Any("error", err))
	}
	x.say(status, plainText, []byte(reason+"\n"))
}

// home is where a listing of everything is; empty where there is none, as above the domains.
func (x *exchange) home() string {
	if x.FindDomain != nil && x.domain == nil {
		return ""
	}
	return x.prefix
}
