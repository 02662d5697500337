package serve

// Usage tells people how clients use a repository. The URL is where it is served, with a slash at the end and without
// anything that a shell would take for more than a word in single quotes; the listing is what they see there.
type Usage func(url string, listing *Listing) []Snippet

// Snippet is a text to be copied, such as lines for a terminal.
type Snippet struct {
	// Title says in a few words what it does.
	Title string
	// Text is what is copied; its lines end with a newline, the last one without.
	Text string
}

// guide adds to a listing how clients use what it shows; rel is the path below the repository.
func (l *lookUp) guide(rel string) {
	if rel == "" && l.result.Listing != nil {
		l.result.Usage = l.kind.Usage
	}
}
