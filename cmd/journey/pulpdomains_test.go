package journey_test

import (
	"path/filepath"
	"testing"

	"github.com/packhouse/packhouse/cmd/node"
)

// TestThePulpCommandWithDomains drives an installation in which every path names a domain.
func TestThePulpCommandWithDomains(t *testing.T) {
	t.Parallel()
	s := newShell(t, withDomains(t))
	s.each(t, pulpDomains()...)
}

// withDomains is one process with domains, and with users.
func withDomains(t *testing.T) *installation {
	t.Helper()
	i := newInstallation(t)
	settings := i.settings(t, map[string]string{"domain_enabled": "true"})
	i.domains = filepath.Join(settings["data"], "domains")
	url := run(t, node.Serve, settings)
	i.api, i.content = url, url
	return i
}

const folder = " --storage-class pulpcore.app.models.storage.FileSystem --storage-settings"

// pulpDomains are the commands for domains, and what people do in one.
func pulpDomains() []session {
	return []session{
		{"domains", []line{
			{do: "pulp domain create --name {u} --description one" + folder + " '{\"location\": \"{domains}/{u}\"}'", keep: map[string]string{"d": "pulp_href"}, want: []string{`pulp_href ~ ^"/pulp/default/api/v3/domains/`, `redirect_to_object_storage = true`}},
			{do: "pulp domain create --name {u}" + folder + " '{\"location\": \"{domains}/{u}\"}'", exit: 1, says: []string{"(?i)unique"}},
			{do: "pulp domain create --name {u}2" + folder + " '{\"location\": \"/etc/packhouse\"}'", exit: 1, says: []string{"allowed_storage_paths"}},
			{do: "pulp domain show --name {u}", want: []string{`pulp_href = "{d}"`}}, {do: "pulp domain list --limit 1000", has: []string{"{u}"}},
			{do: "pulp domain update --name {u} --description two --hide-distributions", says: []string{"Done"}}, {do: "pulp domain show --href {d}", want: []string{`description = "two"`, `hide_guarded_distributions = true`}},
			{do: "pulp domain update --name default --description mine", exit: 1, says: []string{"default"}},
			{do: "pulp --domain {u} file repository create --name r", keep: map[string]string{"r": "pulp_href"}}, {do: "pulp domain destroy --name {u}", exit: 1, says: []string{"r"}, about: "a repository keeps it"},
			{do: "pulp --domain {u} file repository destroy --name r"}, {do: "pulp domain destroy --name {u}", says: []string{"Done"}}, {do: "pulp domain show --name {u}", exit: 1, says: []string{"Could not find"}},
		}},
		{"people in a domain", []line{
			{write: map[string]string{"a": "{t1}"}, do: "pulp domain create --name {u}" + folder + " '{\"location\": \"{domains}/{u}\"}'", keep: map[string]string{"d": "pulp_href"}},
			{do: "pulp user create --username {u} --password Green-boats-77"}, {do: "pulp group create --name {u}"},
			{do: "pulp --domain {u} file repository create --name r --autopublish", keep: map[string]string{"r": "pulp_href"}}, {do: "pulp --domain {u} file content upload --file a --relative-path a --repository r", want: []string{`sha256 = "{t1_sha256}"`}},
			{do: "pulp --domain {u} file distribution create --name r --base-path r --repository r", want: []string{`base_url ~ /pulp/content/{u}/r/"$`}},
			{do: "curl -sf {content}/pulp/content/{u}/r/a", sum: "{t1_sha256}"}, {do: "curl -s -o answer -w %{http_code} {content}/pulp/content/default/r/a", has: []string{"^404$"}},
			{do: "pulp file repository show --name r", exit: 1, says: []string{"Could not find"}}, {do: "pulp --domain nosuchdomain file repository list", exit: 1, says: []string{"(?i)not found|404"}},
			{do: "pulp --domain {u}" + asAnn + "file repository show --name r", exit: 1, says: []string{"Could not find"}},
			{do: "pulp debug openapi call --id domains_add_role --parameter domain_href={d} --body '{\"role\":\"core.domain_viewer\",\"users\":[\"{u}\"]}'", about: "pulp domain role refuses by itself"},
			{do: "pulp" + asAnn + "domain show --name {u}", want: []string{`pulp_href = "{d}"`}},
			{do: "pulp debug openapi call --id domains_remove_role --parameter domain_href={d} --body '{\"role\":\"core.domain_viewer\",\"users\":[\"{u}\"]}'"}, {do: "pulp" + asAnn + "domain show --name {u}", exit: 1, says: []string{"Could not find"}},
			{do: "pulp user role-assignment add --username {u} --role file.filerepository_viewer --domain {u}", want: []string{`domain = "{d}"`, `content_object = null`}}, {do: "pulp user role-assignment list --username {u} --domain {u}", has: []string{"file.filerepository_viewer"}},
			{do: "pulp --domain {u}" + asAnn + "file repository show --name r", want: []string{`pulp_href = "{r}"`}},
			{do: "pulp file repository create --name r{u}"}, {do: "pulp" + asAnn + "file repository show --name r{u}", exit: 1, says: []string{"Could not find"}, about: "not in another domain"},
			{do: "pulp --domain {u}" + asAnn + "file repository destroy --name r", exit: 1, says: []string{"not authorized"}}, {do: "pulp --domain {u} file repository role my-permissions --name r", has: []string{"file.delete_filerepository"}},
			{do: "pulp user role-assignment remove --username {u} --role file.filerepository_viewer --domain {u}"}, {do: "pulp --domain {u}" + asAnn + "file repository show --name r", exit: 1, says: []string{"Could not find"}},
			{do: "pulp --domain {u} content-guard rbac create --name g", keep: map[string]string{"g": "pulp_href"}, want: []string{`pulp_href ~ ^"/pulp/{u}/api/v3/`}}, {do: "pulp --domain {u} file distribution update --name r --content-guard {g}"},
			{do: "curl -s -o answer -w %{http_code} {content}/pulp/content/{u}/r/a", has: []string{"^403$"}}, {do: "pulp --domain {u} content-guard rbac assign --name g --user {u}"},
			{do: "curl -sf -u {u}:Green-boats-77 {content}/pulp/content/{u}/r/a", sum: "{t1_sha256}"},
		}},
	}
}

// asAnn are the options of a log-in as the session's user.
const asAnn = " --username {u} --password Green-boats-77 "
