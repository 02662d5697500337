package noun

import (
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/resource"
)

// downloadsAction tells when a unit was last served. It is an operation of its own, because units have the members of the
// contract and no others.
func (k ContentKind[C]) downloadsAction() resource.Action[C] {
	day := resource.Schema{"type": "string", "format": "date"}.OrNull()
	return resource.Action[C]{
		Verb: "downloads", Method: "GET", Access: resource.Read, Doc: "When the unit was last downloaded.",
		Answers:    map[int]resource.AnswerDoc{200: {Doc: "The day, in UTC; null where none is known.", Schema: "ContentDownloadsResponse"}},
		Components: map[string]resource.Schema{"ContentDownloadsResponse": {"type": "object", "properties": map[string]resource.Schema{"last_downloaded": day}}},
		Handle: func(c *resource.Call, m *C) (*resource.Answer, error) {
			var found []struct{ LastDownloaded time.Time }
			err := c.Env.DB.Read(c.Context()).Table("core_content_downloads").Select("last_downloaded").Where("content_id = ?", k.Row(m).ID).Limit(1).Scan(&found).Error
			if err != nil {
				return nil, fmt.Errorf("read when the unit was last downloaded: %w", err)
			}
			show := c.Show()
			show.Raw(`{"last_downloaded":`)
			if len(found) == 0 {
				show.Raw("null")
			} else {
				show.String(found[0].LastDownloaded.UTC().Format(time.DateOnly))
			}
			show.Raw("}")
			return &resource.Answer{Status: 200, JSON: show.Bytes()}, nil
		},
	}
}
