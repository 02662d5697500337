package noun_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// urlencoded sends a form without files, as clients do where a create may have one.
func (w *world) urlencoded(path string, fields map[string]string) (answer, error) {
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	return w.do("POST", path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

func TestACreateDownloadsItsFile(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		up := upstream.New(t, upstream.BasicAuth("user name", "p@ss:word"))
		up.Set("/f", []byte("from afar"))
		host := strings.TrimPrefix(up.URL, "http://")
		embedded := "http://user%20name:p%40ss%3Aword@" + host + "/f"
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		for name, fields := range map[string]map[string]string{
			"embedded":            {"file_url": embedded},
			"with a config":       {"file_url": up.URL + "/f", "downloader_config": `{"username":"user name","password":"p@ss:word","max_retries":0,"headers":[{"X-Asked":"config"}]}`},
			"embedded and config": {"file_url": embedded, "downloader_config": `{"headers":[{"X-Asked":"both"}],"username":"nobody","password":"none"}`},
			"into a repository":   {"file_url": embedded, "repository": repo},
		} {
			fields["relative_path"] = strings.ReplaceAll(name, " ", "/")
			row := w.completed(w.urlencoded("content/test/units/", fields))
			var unit struct {
				Artifact string `json:"artifact"`
				SHA256   string `json:"sha256"`
			}
			must(t, json.Unmarshal(row.Result, &unit))
			if unit.SHA256 != sha256Hex("from afar") || unit.Artifact == "" || strings.Contains(string(row.Result), "file_url") {
				t.Errorf("%s: %s", name, row.Result)
			}
		}
		if n := w.rows("core_remotes") + w.rows("core_remote_artifacts"); n != 0 {
			t.Errorf("%d remotes and their files are left", n)
		}
		asked := map[string]int{}
		for _, r := range up.Requests("/f") {
			asked[r.Header.Get("X-Asked")]++
		}
		if asked["config"] != 1 || asked["both"] != 1 {
			t.Errorf("headers that came %v", asked)
		}
		if v := w.made(w.form("content/test/units/upload/", "x", map[string]string{"relative_path": "x"})); v.body["file_url"] != nil {
			t.Errorf("shown: %s", v.text)
		}
	})
}

func TestDownloadsThatAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		up := upstream.New(t)
		up.Set("/f", []byte("f"))
		good := up.URL + "/f"
		for name, c := range map[string]struct {
			fields map[string]string
			member string
		}{
			"two sources":           {map[string]string{"file_url": good, "artifact": "x"}, "artifact"},
			"a config without URL":  {map[string]string{"downloader_config": "{}"}, "non_field_errors"},
			"a config that is text": {map[string]string{"file_url": good, "downloader_config": "text"}, "downloader_config"},
			"a list as config":      {map[string]string{"file_url": good, "downloader_config": "[]"}, "downloader_config"},
			"an unknown member":     {map[string]string{"file_url": good, "downloader_config": `{"url":"http://x/"}`}, "downloader_config"},
			"a wrong member":        {map[string]string{"file_url": good, "downloader_config": `{"total_timeout":-1}`}, "downloader_config"},
			"half a proxy":          {map[string]string{"file_url": good, "downloader_config": `{"proxy_username":"u"}`}, "downloader_config"},
			"no URL":                {map[string]string{"file_url": "::"}, "file_url"},
			"another scheme":        {map[string]string{"file_url": "ftp://example.org/f"}, "file_url"},
			"a file of the host":    {map[string]string{"file_url": "file:///etc/passwd"}, "file_url"},
		} {
			c.fields["relative_path"] = "a"
			a, err := w.urlencoded("content/test/units/", c.fields)
			must(t, err)
			if a.status != 400 || a.body[c.member] == nil {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a, err := w.urlencoded("content/test/units/upload/", map[string]string{"relative_path": "a", "file_url": good}); err != nil || a.status != 400 || a.body["file_url"] == nil {
			t.Errorf("at once: %d %s, %v", a.status, a.text, err)
		}
		up.Always("/none", upstream.Status(http.StatusNotFound))
		up.Set("/cut", []byte("cut off"))
		up.Always("/cut", upstream.Cut(3))
		for path, want := range map[string]string{"/none": "404", "/cut": "/cut"} {
			row, err := w.finished(w.urlencoded("content/test/units/", map[string]string{"relative_path": "a", "file_url": "http://user:hidden@" + strings.TrimPrefix(up.URL, "http://") + path}))
			must(t, err)
			if row.State != task.Failed || !strings.Contains(string(row.Error), want) || strings.Contains(string(row.Error), "hidden") {
				t.Errorf("%s: %s %s", path, row.State, row.Error)
			}
		}
		if n := w.rows("core_artifacts") + w.rows("core_contents"); n != 0 || up.Count("/f") != 0 {
			t.Errorf("%d rows are left, %d downloads", n, up.Count("/f"))
		}
	})
}

// filled makes an upload with all of its bytes.
func (w *world) filled(text string) string {
	w.t.Helper()
	u := w.made(w.post("uploads/", map[string]any{"size": len(text)}))
	row := &model.Upload{Base: model.Base{ID: idOf(u.get("pulp_href"))}, Size: int64(len(text))}
	c, err := w.store.ReceiveChunk(w.t.Context(), w.db, row, 0, row.Size-1, strings.NewReader(text))
	must(w.t, err)
	must(w.t, c.Save(w.t.Context()))
	return u.get("pulp_href")
}

// However many want one upload at once, by both ways to make units and by commit: one gets it.
func TestAnUploadIsConsumedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for round := range 4 {
			upload := w.filled(fmt.Sprint("only once ", round))
			outcomes := make([]string, senders)
			together(t, func(i int) error {
				var a answer
				var err error
				path := fmt.Sprintf("unit/%d/%d", round, i)
				switch i % 3 {
				case 0:
					a, err = w.urlencoded("content/test/units/upload/", map[string]string{"upload": upload, "relative_path": path})
				case 1:
					a, err = w.urlencoded("content/test/units/", map[string]string{"upload": upload, "relative_path": path})
				default:
					a, err = w.post(upload+"commit/", map[string]any{"sha256": sha256Hex(fmt.Sprint("only once ", round))})
				}
				if err != nil {
					return err
				}
				outcomes[i], err = w.consumed(a)
				return err
			})
			won := 0
			for _, o := range outcomes {
				switch {
				case o == "got it":
					won++
				case o != "gone":
					t.Errorf("told %s", o)
				}
			}
			if won != 1 || w.rows("core_uploads") != 0 || w.rows("core_artifacts") != int64(round+1) {
				t.Errorf("%d got it: %q; %d uploads, %d artifacts", won, outcomes, w.rows("core_uploads"), w.rows("core_artifacts"))
			}
			if got := w.stored(fmt.Sprint("only once ", round)); got != fmt.Sprint("only once ", round) {
				t.Errorf("stored %q", got)
			}
		}
	})
}

// consumed tells what became of one who wanted an upload.
func (w *world) consumed(a answer) (string, error) {
	switch a.status {
	case 201:
		return "got it", nil
	case 400, 404:
		return "gone", nil
	case 202:
		row, err := w.finished(a, nil)
		if err != nil {
			return "", err
		}
		var created int64
		err = w.db.Read(context.WithoutCancel(w.t.Context())).Model(&task.CreatedResource{}).Where("task_id = ?", row.ID).Count(&created).Error
		switch {
		case row.State == task.Completed && created > 0:
			return "got it", err
		case row.State == task.Completed || strings.Contains(string(row.Error), "does not exist"):
			return "gone", err
		}
		return string(row.Error), err
	}
	return a.text, nil
}

// A repository takes only content of the types that it names.
func TestRepositoriesRefuseOtherContent(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.shelve("any", "unit")
		picky := w.made(w.post("repositories/test/picky/", map[string]any{"name": "picky"})).get("pulp_href")
		for body, member := range map[string]string{
			fmt.Sprintf(`{"add_content_units":[%q]}`, s.units["unit"]):    "add_content_units",
			fmt.Sprintf(`{"base_version":%q}`, s.repo+"versions/1/"):      "base_version",
			fmt.Sprintf(`{"remove_content_units":[%q]}`, s.units["unit"]): "",
			fmt.Sprintf(`{"base_version":%q}`, s.repo+"versions/0/"):      "",
		} {
			a, err := w.do("POST", picky+"modify/", "application/json", strings.NewReader(body))
			must(t, err)
			if member == "" {
				w.completed(a, nil)
			} else if a.status != 400 || a.body[member] == nil {
				t.Errorf("%s: %d %s", body, a.status, a.text)
			}
		}
		if a, err := w.form("content/test/units/", "more", map[string]string{"relative_path": "more", "repository": picky}); err != nil || a.status != 400 || a.body["repository"] == nil {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
		if n := w.rows("core_contents"); n != 1 {
			t.Errorf("%d units", n)
		}
	})
}
