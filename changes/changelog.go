package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

const title = "# Changes\n"

// versions is what a version looks like: three numbers, and what comes before a release.
var versions = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$`)

// section writes a version's part of the changelog; fragments come in its order.
func section(version string, day time.Time, fragments []fragment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s (%s)\n", version, day.Format(time.DateOnly))
	audience, kind := -1, -1
	for _, f := range fragments {
		if f.audience != audience {
			audience, kind = f.audience, -1
			fmt.Fprintf(&b, "\n### %s\n", audiences[audience].title)
		}
		if f.kind != kind {
			kind = f.kind
			fmt.Fprintf(&b, "\n#### %s\n\n", kinds[kind].title)
		}
		fmt.Fprintf(&b, "- %s\n", f.sentence)
	}
	return b.String()
}

// insert puts a section above the older ones.
func insert(log, version, section string) (string, error) {
	if !versions.MatchString(version) {
		return "", fmt.Errorf("%q is no version, it looks like 0.2.0 or 0.2.0-rc.1", version)
	}
	if strings.Contains(log, "\n## "+version+" (") {
		return "", fmt.Errorf("%s is in the changelog already", version)
	}
	older, found := strings.CutPrefix(log, title)
	if !found && log != "" {
		return "", fmt.Errorf("the changelog does not start with %q", title)
	}
	return title + "\n" + section + older, nil
}
