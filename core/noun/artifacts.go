package noun

import "github.com/packhouse/packhouse/core/resource"

// ArtifactsSeen limits artifacts to those that the user has the permission to view, and to those behind content that may
// be seen: rights on bytes follow from what holds them, never from knowing a digest.
func ArtifactsSeen(v *resource.Viewer, key string) (resource.Cond, error) {
	own, err := v.Sees("core.artifact", "core.view_artifact", key)
	if err != nil || own.Always() {
		return own, err
	}
	held, err := v.Through(func(repositories string) string {
		return key + " IN (SELECT sa.artifact_id FROM core_repository_contents sc JOIN core_content_artifacts sa ON sa.content_id = sc.content_id WHERE sc.repository_id IN (" + repositories + "))"
	})
	if err != nil || held.Always() {
		return held, err
	}
	return resource.Cond{SQL: "(" + own.SQL + " OR " + held.SQL + ")", Args: append(own.Args, held.Args...)}, nil
}
