package file

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/packhouse/packhouse/core/serve"
)

// plainName is a name that means itself in a shell and in a URL.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`)

// usage tells how to download from a repository. What goes by the manifest is left out where there is none.
func usage(url string, listing *serve.Listing) []serve.Snippet {
	var all []serve.Snippet
	manifest := false
	for _, e := range listing.Entries {
		switch {
		case e.Dir:
		case e.Name == defaultManifest:
			manifest = true
		case len(all) == 0 && plainName.MatchString(e.Name):
			all = append(all, serve.Snippet{Title: "Download a file", Text: "curl -fO " + quoted(url+e.Name)})
		}
	}
	if !manifest {
		return all
	}
	return append(all,
		serve.Snippet{Title: "Download all files and check them", Text: downloadAll(url)},
		serve.Snippet{Title: "Mirror on another server", Text: mirror(url)})
}

// downloadAll goes by the manifest, whose lines are split from the right because paths may have commas. wget saves a name
// that has an escape in it, such as 100%25, without it; the check then tells that the file is not there.
func downloadAll(url string) string {
	folders := strings.Count(url, "/") - strings.Count("https://host/", "/")
	return fmt.Sprintf(`curl -fsSO %s
sed -E 's/,[0-9a-f]{64},[0-9]+$//; s/%%/%%25/g' %s |
  wget -q -x -nH --cut-dirs=%d -B %s -i -
sed -E 's/^(.*),([0-9a-f]{64}),[0-9]+$/\2  \1/' %s | sha256sum -c --quiet`,
		quoted(url+defaultManifest), defaultManifest, folders, quoted(url), defaultManifest)
}

// mirror is for the command-line client of another server.
func mirror(url string) string {
	return fmt.Sprintf(`pulp file remote create --name mirror --url %s
pulp file repository create --name mirror --remote mirror
pulp file repository sync --name mirror`, quoted(url+defaultManifest))
}

// quoted writes a URL, in which there is no single quote, for a shell.
func quoted(url string) string {
	if strings.Trim(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._%+-") == "" {
		return url
	}
	return "'" + url + "'"
}
