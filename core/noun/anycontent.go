package noun

import (
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// AnyContent is content of any type as the common list shows it.
type AnyContent struct {
	model.Content
	artifacts []model.ContentArtifact
}

// AnyContentFields are the members that content of all types shares.
func AnyContentFields() []resource.Field[AnyContent] {
	return []resource.Field[AnyContent]{
		resource.Labels(func(c *AnyContent) *model.Labels { return &c.PulpLabels }),
		resource.Computed("vuln_report", resource.URI().OrNull(), func(s *resource.Show, _ *AnyContent) { s.Raw("null") }),
		resource.Computed("artifacts", resource.Schema{"type": "object", "additionalProperties": resource.URI().OrNull()}, func(s *resource.Show, c *AnyContent) {
			paths := map[string]*string{}
			for _, a := range c.artifacts {
				paths[a.RelativePath] = nil
				if a.ArtifactID != nil {
					href := s.Names.Href("artifacts/" + *a.ArtifactID + "/")
					paths[a.RelativePath] = &href
				}
			}
			s.Value(paths)
		}),
	}
}

// LoadArtifacts brings the artifacts of a page of content by path.
func LoadArtifacts(page *resource.Page, rows []*AnyContent) error {
	byID, ids := map[string]*AnyContent{}, make([]string, 0, len(rows))
	for _, c := range rows {
		byID[c.ID], ids = c, append(ids, c.ID)
	}
	var found []model.ContentArtifact
	if err := page.Where("content_id", ids).Find(&found).Error; err != nil {
		return err
	}
	for _, a := range found {
		byID[a.ContentID].artifacts = append(byID[a.ContentID].artifacts, a)
	}
	return nil
}
