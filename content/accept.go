package content

import (
	"strconv"
	"strings"
)

// preference is how much a client wants a media type: its quality, and how exactly it named the type.
type preference struct {
	quality   float64
	exactness int
}

// prefersJSON tells whether an Accept header (RFC 9110 §12.5.1) wants JSON rather than a page. Who does not say gets the
// page.
func prefersJSON(accept string) bool {
	asJSON, asPage := preferenceFor(accept, "application", "json"), preferenceFor(accept, "text", "html")
	if asJSON.quality != asPage.quality {
		return asJSON.quality > asPage.quality
	}
	return asJSON.quality > 0 && asJSON.exactness > asPage.exactness
}

// preferenceFor takes the most exact range of the header that covers the media type.
func preferenceFor(accept, kind, subtype string) preference {
	best := preference{}
	for part := range strings.SplitSeq(strings.ToLower(accept), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		exactness := 0
		switch strings.TrimSpace(name) {
		case kind + "/" + subtype:
			exactness = 3
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
