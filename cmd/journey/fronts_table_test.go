package journey_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// table is everything that is asked on one way; files that come on demand are those of the way alone.
func (f *offer) table(id string) []asked {
	var all []asked
	for _, part := range [][]asked{f.wholes(), f.ranges(), f.conditions(), f.folders(), f.access(), f.checkpoints(), f.paths(), f.methods(), f.comings(id)} {
		all = append(all, part...)
	}
	return all
}

// kinds are the media types of the stored files, those that are no plain bytes.
var kinds = map[string]string{"text.txt": "text/plain", "big.rpm": "application/x-rpm", "page.html": "text/html", "index.html": "text/html", ".txt": "text/plain"}

// about are the headers of an answer with a stored file.
func (f *offer) about(path string, more ...string) map[string]string {
	body := f.files[path]
	digest := sha256.Sum256(body)
	want := map[string]string{
		"ETag": tag(body), "Last-Modified": f.modified.Format(http.TimeFormat), "Content-Type": "application/octet-stream",
		"Content-Length": strconv.Itoa(len(body)), "Content-Range": "", "Accept-Ranges": "bytes", "Cache-Control": "",
		"Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":", "X-Pulp-Artifact-Size": strconv.Itoa(len(body)), "X-Content-Type-Options": "nosniff",
	}
	for end, kind := range kinds {
		if strings.HasSuffix(path, end) {
			want["Content-Type"] = kind
		}
	}
	for i := 0; i < len(more); i += 2 {
		want[more[i]] = more[i+1]
	}
	return want
}

func tag(body []byte) string { return `"` + sum(string(body)) + `"` }

// whole asks for a stored file and wants all of it.
func (f *offer) whole(path string, head ...string) asked {
	return asked{do: "GET stored/" + escaped(path), head: head, status: 200, want: f.about(path), text: append([]byte{}, f.files[path]...), stored: true}
}

// part asks for a part of a stored file and wants just that.
func (f *offer) part(path string, from, to int, head ...string) asked {
	size := len(f.files[path])
	want := f.about(path, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, size), "Content-Length", strconv.Itoa(to-from+1))
	return asked{do: "GET stored/" + path, head: head, status: 206, want: want, text: f.files[path][from : to+1], stored: true}
}

// escaped writes a path into a request.
func escaped(path string) string {
	return strings.NewReplacer("%", "%25", " ", "%20", "#", "%23", "?", "%3F", "ä", "%C3%A4").Replace(path)
}

func (f *offer) wholes() []asked {
	var all []asked
	for path := range storedFiles() {
		head := f.whole(path)
		head.do, head.text = "HEAD stored/"+escaped(path), []byte{}
		if path == "empty" {
			head.except = "apache" // it takes off the length of nothing
		}
		// The second and third time it may come from memory.
		all = append(all, f.whole(path), head, f.whole(path))
		if len(f.files[path]) <= 64<<10 {
			all = append(all, f.whole(path), head)
		}
	}
	old, query, packed := f.whole("text.txt"), f.whole("text.txt"), f.whole("dir/sub/page.html", "Accept-Encoding: gzip, deflate, br")
	old.old, query.do = true, query.do+"?x=%2F..&y"
	packed.want["Content-Security-Policy"] = "sandbox allow-downloads allow-popups allow-scripts"
	return append(all, old, query, packed, f.whole("above.bin", "Accept: text/html", "Cookie: a=b", "X-Forwarded-For: 6.6.6.6"))
}

func (f *offer) ranges() []asked {
	var all []asked
	for _, path := range []string{"text.txt", "above.bin"} {
		size := len(f.files[path])
		end := fmt.Sprint(size - 1)
		for text, span := range map[string][2]int{
			"0-0": {0, 0}, "5-9": {5, 9}, "-3": {size - 3, size - 1}, "5-": {5, size - 1}, "0-": {0, size - 1}, "7-999999999999": {7, size - 1},
			"-999999999999": {0, size - 1}, end + "-": {size - 1, size - 1}, "0-99999999999999999999999": {0, size - 1}, "1-2,": {1, 2}, " 1-2 , 999999999-": {1, 2},
		} {
			all = append(all, f.part(path, span[0], span[1], "Range: bytes="+text))
		}
		unsatisfiable := asked{do: "GET stored/" + path, status: 416, want: map[string]string{"Content-Range": "bytes */" + fmt.Sprint(size), "ETag": tag(f.files[path])}, text: []byte("the file has no such bytes\n"), stored: true}
		for _, text := range []string{"999999999-", fmt.Sprint(size) + "-", "-0", "999999999-,888888888-"} {
			unsatisfiable.head = []string{"Range: bytes=" + text}
			all = append(all, unsatisfiable)
		}
		for _, text := range []string{"bytes=5-2", "lines=0-1", "bytes=a-b", "bytes=", "bytes", "bytes=1-2-3", "bytes=" + strings.Repeat("0-0,", 300) + "1-1"} {
			all = append(all, f.whole(path, "Range: "+text))
		}
		// Apache makes parts of a whole answer too, and of this one a part that is all.
		twice := f.whole(path, "Range: bytes=0-,0-")
		twice.except = "apache"
		all = append(all, twice)
		head := f.whole(path, "Range: bytes=0-1")
		head.do, head.text = "HEAD stored/"+path, []byte{}
		body := string(f.files[path])
		several := asked{do: "GET stored/" + path, head: []string{"Range: bytes=0-1, 5-6,-2"}, status: 206, stored: true, want: f.about(path, "Content-Type", "", "Content-Length", "")}
		delete(several.want, "Content-Type")
		delete(several.want, "Content-Length")
		several.parts = []string{fmt.Sprintf("bytes 0-1/%d", size), body[:2], fmt.Sprintf("bytes 5-6/%d", size), body[5:7], fmt.Sprintf("bytes %d-%d/%d", size-2, size-1, size), body[size-2:]}
		all = append(all, head, several)
	}
	last := len(f.files["big.rpm"]) - 1
	return append(all, f.whole("empty", "Range: bytes=-5"), f.part("big.rpm", 1<<20, 1<<20+99, "Range: bytes=1048576-1048675"), f.part("big.rpm", 7, last, "Range: bytes=7-"), f.part("big.rpm", last-2, last, "Range: bytes=-3"))
}

func (f *offer) conditions() []asked {
	var all []asked
	old, now := f.modified.Add(-time.Hour).Format(http.TimeFormat), f.modified.Format(http.TimeFormat)
	for _, path := range []string{"text.txt", "above.bin"} {
		own := tag(f.files[path])
		all = append(all,
			f.part(path, 2, 5, "Range: bytes=2-5", "If-Range: "+own), f.part(path, 2, 5, "Range: bytes=2-5", "If-Range: "+now),
			f.whole(path, "Range: bytes=2-5", `If-Range: "another"`), f.whole(path, "Range: bytes=2-5", "If-Range: W/"+own), f.whole(path, "Range: bytes=2-5", "If-Range: "+old), f.whole(path, "Range: bytes=2-5", "If-Range: yesterday"),
			f.whole(path, "If-Range: "+own), f.whole(path, `If-None-Match: "another"`), f.whole(path, `If-None-Match: "another", W/"third"`, "If-Modified-Since: "+now), f.whole(path, "If-Modified-Since: "+old), f.whole(path, "If-Modified-Since: yesterday"),
			f.whole(path, "If-Match: "+own), f.whole(path, "If-Match: *"), f.whole(path, `If-Match: "another", `+own), f.whole(path, "If-Unmodified-Since: "+now), f.part(path, 0, 1, "Range: bytes=0-1", "If-Match: "+own), f.part(path, 0, 1, "Range: bytes=0-1", `If-None-Match: "another"`),
		)
		same := asked{status: 304, text: []byte{}, stored: true, want: map[string]string{"ETag": own, "Last-Modified": now, "Content-Length": "", "Transfer-Encoding": ""}}
		failed := asked{status: 412, text: []byte("the file is not the one that your request is about\n"), stored: true, want: map[string]string{"ETag": own}}
		for _, method := range []string{"GET", "HEAD"} {
			same.do, failed.do = method+" stored/"+path, method+" stored/"+path
			if method == "HEAD" {
				failed.text = []byte{}
			}
			for _, head := range [][]string{
				{"If-None-Match: " + own}, {"If-None-Match: W/" + own}, {`If-None-Match: "a,b", ` + own + `, "c"`}, {"If-None-Match: *"}, {"If-None-Match: " + own, "Range: bytes=0-1"},
				{"If-None-Match: " + own, "If-Modified-Since: " + old}, {"If-Modified-Since: " + now}, {"If-Match: " + own, "If-None-Match: " + own},
			} {
				same.head = head
				all = append(all, same)
			}
			for _, head := range [][]string{{`If-Match: "another"`}, {"If-Match: W/" + own}, {"If-Unmodified-Since: " + old}, {`If-Match: "another"`, "If-None-Match: *"}, {`If-Match: "another"`, "Range: bytes=0-1"}} {
				failed.head = head
				all = append(all, failed)
			}
		}
	}
	return all
}

// moved wants to be sent to a path below the prefix.
func (f *offer) moved(do, to string) asked {
	return asked{do: do, status: 301, want: map[string]string{"Location": f.at() + to}}
}

func (f *offer) folders() []asked {
	page := []string{"Accept: text/html,application/xhtml+xml,*/*;q=0.8"}
	lines := asked{do: "GET stored/dir/", status: 200, has: []string{"<h1>Index of " + f.at() + "stored/dir/</h1>", `<a href="./sub/">sub/</a>`}, want: map[string]string{"Content-Type": "text/html", "Vary": "Accept"}}
	data := asked{do: "GET stored/odd/", head: []string{"Accept: application/json"}, status: 200, has: []string{`"path":"` + f.at() + `stored/odd/"`, "ä %25 +"}, want: map[string]string{"Content-Type": "application/json", "Vary": "Accept"}}
	return []asked{
		lines, data, {do: "HEAD stored/dir/", status: 200, text: []byte{}}, {do: "GET stored/", head: page, status: 200, has: []string{"text.txt", "http://packages.example.org" + f.at() + "stored/"}},
		{do: "GET ", status: 200, has: []string{"./stored/", "./guarded/"}}, {do: "GET ", head: page, status: 200}, {do: "HEAD ", status: 200, text: []byte{}},
		f.moved("GET stored", "stored/"), f.moved("HEAD stored", "stored/"), f.moved("GET stored/dir", "stored/dir/"), f.moved("GET stored/dir/sub", "stored/dir/sub/"), f.moved("GET stored/index", "stored/index/"), f.moved("GET "+strings.TrimSuffix(f.at(), "/"), ""),
		{do: "GET stored/index/", status: 200, has: []string{`<a href="./index.html">index.html</a>`}}, // it was not published as the page of the folder; this one was:
		{do: "GET paged/dir/", status: 200, has: []string{"text.txt," + sum(string(f.files["text.txt"]))}, want: map[string]string{"Content-Type": "text/html", "Accept-Ranges": "bytes"}, stored: true}, f.moved("GET paged/dir", "paged/dir/"),
		{do: "GET stored/PULP_MANIFEST", status: 200, has: []string{"text.txt," + sum(string(f.files["text.txt"]))}, stored: true},
		{do: "GET stored/nothing", status: 404, text: []byte("there is nothing under this path\n")}, {do: "GET stored/text.txt/", status: 404}, {do: "GET stored/text.txt/x", status: 404}, {do: "GET nothing", status: 404}, {do: "GET nothing/", status: 404},
		{do: "HEAD stored/nothing", status: 404, text: []byte{}}, {do: "GET stored/nothing", head: page, status: 404, has: []string{"<html"}}, {do: "GET stored/TEXT.txt", status: 404},
	}
}

func (f *offer) access() []asked {
	whole := f.whole("above.bin", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(admin+":"+adminPassword)))
	whole.do, whole.want = "GET guarded/above.bin", f.about("above.bin", "Cache-Control", "private")
	hidden := f.whole("text.txt")
	hidden.do = "GET hidden/text.txt"
	all := []asked{whole, hidden}
	for _, path := range []string{"above.bin", "nothing", "dir/"} {
		all = append(all, asked{do: "GET guarded/" + path, status: 403}, asked{do: "HEAD guarded/" + path, status: 403}, asked{do: "GET guarded/" + path, status: 403, head: []string{"Authorization: Basic bm9ib2R5OndoYXQ="}},
			asked{do: "GET guarded/" + path, status: 403, head: []string{"Remote-User: admin", "X-Forwarded-For: 127.0.0.1", "Range: bytes=0-1", "If-None-Match: " + tag(f.files["above.bin"])}})
	}
	nothing := asked{do: "GET guarded/nothing", head: whole.head, status: 404}
	return append(all, nothing)
}

func (f *offer) checkpoints() []asked {
	file := f.whole("above.bin")
	file.do = "GET moments/" + moment + "/above.bin"
	return []asked{
		file, {do: "GET moments/", status: 200, has: []string{"./" + moment + "/"}}, f.moved("GET moments/"+moment, "moments/"+moment+"/"), {do: "GET moments/" + moment + "/dir/", status: 200, has: []string{"sub/"}},
		f.moved("GET moments/"+afterIt+"/above.bin", "moments/"+moment+"/above.bin"), f.moved("GET moments/"+afterIt+"/dir/", "moments/"+moment+"/dir/"),
		{do: "GET moments/20250101T000000Z/above.bin", status: 404}, {do: "GET moments/99990101T000000Z/above.bin", status: 404}, {do: "GET moments/yesterday/above.bin", status: 404},
	}
}

func (f *offer) paths() []asked {
	other := f.whole("text.txt")
	other.do = "GET stored/%74ext%2Etxt"
	all := []asked{other}
	for _, path := range []string{
		"stored/dir%2Fsub%2Fpage.html", "stored%2Ftext.txt", "stored/./text.txt", "stored/dir/../text.txt", "stored/../../../../etc/passwd", "stored/%2e%2e/%2e%2e/text.txt", "stored/..%2Ftext.txt", "stored//text.txt", "//stored/text.txt",
		`stored/dir\sub`, "stored/dir%5Csub", "stored/text.txt%00", "stored/%00", "stored/text.txt%0A", "stored/%C0%AE%C0%AE/text.txt", "stored/%FF", "stored/text.txt%20", "/pulp/contents/", "/pulp/content/../api/v3/status/",
		"/_media/artifact", "stored/%",
	} {
		status := 404
		if path == "stored/%" {
			status = 400
		}
		all = append(all, asked{do: "GET " + path, status: status, own: true})
	}
	return append(all,
		asked{do: "GET stored/" + strings.Repeat("a", 5000), status: 414, own: true},
		asked{do: "GET stored/%zz", status: 400, own: true},
		asked{do: "GET stored/" + strings.Repeat("b", 40<<10), status: 431, own: true},
		asked{do: "GET stored/text.txt", head: []string{"X-Long: " + strings.Repeat("c", 40<<10)}, status: 431, own: true},
	)
}

func (f *offer) methods() []asked {
	var all []asked
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		refused := asked{do: method + " stored/text.txt", status: 405, want: map[string]string{"Allow": "GET, HEAD"}}
		all = append(all, refused)
		if method == "POST" || method == "PUT" {
			refused.body = "a body"
			all = append(all, refused)
		}
	}
	return append(all, asked{do: "TRACE stored/text.txt", status: 405, own: true})
}

// comings are files that are not stored when they are asked for first.
func (f *offer) comings(id string) []asked {
	first, again := f.whole("first-"+id), f.whole("first-"+id)
	first.do, again.do = "GET later/first-"+id, "GET later/first-"+id
	first.stored = false
	for _, a := range []asked{first, again} {
		delete(a.want, "Last-Modified") // it came in a sync of its own
	}
	part := f.part("range-"+id, 10, 19, "Range: bytes=10-19")
	part.do = "GET later/range-" + id
	partOfStored := f.part("first-"+id, 100, 70000, "Range: bytes=100-70000")
	partOfStored.do = "GET later/first-" + id
	streamed := asked{do: "GET streamed/file-" + id, status: 200, text: f.files["file-"+id], want: f.about("file-" + id)}
	head := asked{do: "HEAD later/never", status: 200, text: []byte{}, want: f.about("never"), stored: true} // a HEAD brings it too
	same := asked{do: "GET later/never", head: []string{"If-None-Match: " + tag(f.files["never"])}, status: 304, text: []byte{}, stored: true}
	for _, a := range []asked{part, partOfStored, streamed, head} {
		delete(a.want, "Last-Modified")
	}
	for _, name := range []string{"Repr-Digest", "ETag", "Accept-Ranges"} { // nobody may have checked it yet
		delete(first.want, name)
		delete(streamed.want, name)
	}
	wrong := asked{do: "GET later/wrong-" + id, broken: true}
	// A part waits until the file is stored.
	return []asked{head, same, first, partOfStored, again, again, part, streamed, streamed, wrong, wrong}
}
