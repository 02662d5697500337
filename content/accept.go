package content

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// preference is how much a client wants a media type: its quality, and how exactly it named the type.
type preference struct {
	quality   float64
	exactness int
}

// form is one of the ways in which a listing or an error is written.
type form int

const (
	asText form = iota // for programs that take whatever comes: the listing that they have always got
	asJSON             // for programs that ask for it
	asPage             // for people
)

// wantedForm is the form that the client asks for.
func (x *exchange) wantedForm() form {
	return formOf(strings.Join(x.lines(fiber.HeaderAccept), ","))
}

// formOf chooses by an Accept header (RFC 9110 §12.5.1). Browsers name text/html; programs that would take anything, or do
// not say, get what they have always read.
func formOf(accept string) form {
	data, page := preferenceFor(accept, "application", "json"), preferenceFor(accept, "text", "html")
	switch {
	case data.quality > page.quality, data.quality > 0 && data.quality == page.quality && data.exactness > page.exactness:
		return asJSON
	case page.quality > 0 && page.exactness == named:
		return asPage
	}
	return asText
}

// named is the exactness of a range that names the type itself.
const named = 3

// preferenceFor takes the most exact range of the header that covers the media type.
func preferenceFor(accept, kind, subtype string) preference {
	best := preference{}
	for part := range strings.SplitSeq(strings.ToLower(accept), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		exactness := 0
		switch strings.TrimSpace(name) {
		case kind + "/" + subtype:
			exactness = named
		case kind + "/*":
			exactness = 2
		case "*/*":
			exactness = 1
		}
		if exactness > best.exactness {
			best = preference{quality: qualityOf(parameters), exactness: exactness}
		}
	}
	return best
}

func qualityOf(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			quality, err := strconv.ParseFloat(value, 64)
			if err != nil || !(quality >= 0 && quality <= 1) {
				return 0
			}
			return quality
		}
	}
	return 1
}
