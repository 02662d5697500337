package node

import (
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestALogNamesWhoCanceled: over REST, alone and with its group.
func TestALogNamesWhoCanceled(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")...)
	const api = "/pulp/api/v3/"
	for _, way := range []string{"alone", "group"} {
		up := upstream.New(t)
		up.Set("/PULP_MANIFEST", []byte("a,b,1"))
		up.Always("/PULP_MANIFEST", upstream.Stall(3))
		_, from := n.call("POST", api+"remotes/file/file/", map[string]string{"name": way, "url": up.URL + "/PULP_MANIFEST"})
		_, into := n.call("POST", api+"repositories/file/file/", map[string]any{"name": way, "remote": from["pulp_href"]})
		_, answer := n.call("POST", into["pulp_href"].(string)+"sync/", map[string]any{})
		href := answer["task"].(string)
		<-up.Stalled()
		asked := href
		if way == "group" {
			group := &task.GroupRow{Base: model.NewBase(ident.DefaultDomain)}
			err := n.db.InTx(t.Context(), func(tx *db.Tx) error {
				if err := tx.Create(group).Error; err != nil {
					return err
				}
				return tx.Exec("UPDATE core_tasks SET task_group_id = ? WHERE id = ?", group.ID, path.Base(href)).Error
			})
			if err != nil {
				t.Fatal(err)
			}
			asked = api + "task-groups/" + group.ID + "/"
		}
		if status, answer := n.call("PATCH", asked, map[string]string{"state": "canceled"}); status != http.StatusOK {
			t.Errorf("%s: %d %v", way, status, answer)
		}
		n.until("the task is canceled", func() bool {
			_, now := n.call("GET", href, nil)
			return now["state"] == "canceled"
		})
		if _, log := n.call("GET", href+"logs/?format=text", nil); strings.Count(log["text"].(string), " The cancel was requested by admin.\n") != 1 {
			t.Errorf("%s: the log says\n%s", way, log["text"])
		}
	}
}
