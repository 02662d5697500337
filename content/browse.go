package content

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// entriesOnPage is how many names a page for people has at most; further ones are on further pages.
const entriesOnPage = 10_000

// browse answers with a folder as people see it.
func (x *exchange) browse(path string, result serve.Result) error {
	entries, pages, err := pageOf(foldersFirst(result.Listing.Entries), string(x.c.Request().URI().QueryArgs().Peek("page")))
	if err != nil {
		return err
	}
	v := view{
		Title: shown(x.prefix + path), Crumbs: x.crumbs(path), Up: path != "", Pages: pages,
		Summary: summary(result.Listing.Entries), Guarded: result.Guarded(),
	}
	v.add(entries)
	if address := x.address(); address != "" {
		v.Here = address + x.prefix + serve.Escaped(path)
	}
	if v.Here != "" && result.Usage != nil {
		v.Snippets = result.Usage(v.Here, result.Listing)
	}
	return x.page(fiber.StatusOK, "listing", v)
}

// address is scheme and host as the client wrote them; empty where that is nothing to be shown to others.
func (x *exchange) address() string {
	if x.Origin != nil {
		return *x.Origin
	}
	scheme := "http"
	if x.c.Context().IsTLS() {
		scheme = "https"
	}
	scheme, host := x.Proxies.Address(credentials{x}, scheme, string(x.c.Request().Host()))
	if host == "" || strings.ContainsFunc(host, notOfHost) {
		return ""
	}
	return scheme + "://" + host
}

func notOfHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_:[]", r)
}

// pageOf gives the entries of a page, by its number as the query has it, and links to all where there are several.
func pageOf(all []serve.Entry, asked string) ([]serve.Entry, []pageLink, error) {
	count, number := max(1, (len(all)+entriesOnPage-1)/entriesOnPage), 1
	if asked != "" {
		var err error
		if number, err = strconv.Atoi(asked); err != nil || number < 1 || number > count {
			return nil, nil, errs.New(errs.NotFound, "this listing has no such page; its last one is %d", count)
		}
	}
	var links []pageLink
	for n := 1; n <= count && count > 1; n++ {
		links = append(links, pageLink{Number: n, Link: "?page=" + strconv.Itoa(n)})
	}
	if count > 1 {
		links[number-1].Link = ""
	}
	first := (number - 1) * entriesOnPage
	return all[first:min(len(all), first+entriesOnPage)], links, nil
}

// foldersFirst keeps the order among folders and among files.
func foldersFirst(all []serve.Entry) []serve.Entry {
	sorted := make([]serve.Entry, 0, len(all))
	for _, dir := range []bool{true, false} {
		for _, e := range all {
			if e.Dir == dir {
				sorted = append(sorted, e)
			}
		}
	}
	return sorted
}
