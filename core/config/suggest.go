package config

import (
	"fmt"
	"strings"
)

// suggest names the setting that was most likely meant.
func (s *schema) suggest(key string) string {
	if near := s.nearest(key); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; `packhouse config show` lists all settings"
}

// suggestVariable is suggest for the name of an environment variable.
func (s *schema) suggestVariable(name string) string {
	key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "__", "."))
	near := s.nearest(key)
	if near == "" {
		return s.suggest(key)
	}
	return fmt.Sprintf("; did you mean %s?", s.settings[near].Env)
}

// nearest finds the setting with the fewest letters changed, if they are few; the first one declared wins a tie.
func (s *schema) nearest(key string) string {
	if now := elsewhere(key); now != "" {
		return now
	}
	best, least := "", max(2, len(key)/4)+1
	for _, known := range s.order {
		last := known[strings.LastIndex(known, ".")+1:]
		d := distance(key, known)
		if key == last && d > 1 {
			d = 1 // right name, section forgotten
		}
		if d < least {
			best, least = known, d
		}
	}
	return best
}

// elsewhere translates names that operators know from other servers of this kind.
func elsewhere(key string) string {
	return map[string]string{
		"deploy_root": "data_dir", "media_root": "storage.location", "storages": "storage.backend",
		"databases": "database.url", "redis_host": "redis_url", "redis_port": "redis_url", "redis_password": "redis_url",
		"file_upload_temp_dir": "working_directory", "chunked_upload_dir": "working_directory",
		"rest_framework": "page_size", "logging": "log.level",
	}[key]
}

// distance is the Levenshtein distance in bytes; long input counts as far away, so that nonsense costs no time.
func distance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
