package journey_test

// pulpGuards are the commands for content guards, and what they open and keep shut.
func pulpGuards() []session {
	return []session{
		{"guards that know people", append(guarded(),
			line{do: "pulp user create --username {u} --password Green-boats-77"}, line{do: "pulp group create --name {u}"},
			line{do: "pulp content-guard rbac create --name {u} --description one", keep: map[string]string{"g": "pulp_href"}, want: []string{`description = "one"`, `groups = []`}},
			line{do: "pulp content-guard rbac create --name {u}", exit: 1, says: []string{"(?i)unique"}},
			line{do: "pulp content-guard rbac show --name {u}", want: []string{`pulp_href = "{g}"`}}, line{do: "pulp content-guard rbac list --name {u}", want: []string{`*.pulp_href = ["{g}"]`}},
			line{do: "pulp content-guard list --name {u}", want: []string{`*.pulp_href = ["{g}"]`}},
			line{do: "pulp content-guard rbac update --name {u} --description two"}, line{do: "pulp content-guard rbac show --href {g}", want: []string{`description = "two"`}},
			line{do: "pulp file distribution update --name {u} --content-guard {g}", says: []string{"Done"}},
			line{do: fetch, has: []string{"^403$"}}, line{do: fetch + asUser, has: []string{"^403$"}}, line{do: fetch + " -u " + admin + ":" + adminPassword, has: []string{"^200$"}},
			line{do: "pulp content-guard rbac assign --name {u} --user {u}"}, line{do: fetch + asUser, has: []string{"^200$"}}, line{do: fetch + " -u {u}:wrong", has: []string{"^403$"}},
			line{do: "pulp content-guard rbac show --name {u}", want: []string{`users.*.username ~ {u}`}},
			line{do: "pulp content-guard rbac remove --name {u} --user {u}"}, line{do: fetch + asUser, has: []string{"^403$"}},
			line{do: "pulp content-guard rbac assign --name {u} --group {u}"}, line{do: fetch + asUser, has: []string{"^403$"}},
			line{do: "pulp group user add --group {u} --username {u}"}, line{do: fetch + asUser, has: []string{"^200$"}, about: "as a member"},
			line{do: "pulp content-guard rbac remove --name {u} --group {u}"}, line{do: fetch + asUser, has: []string{"^403$"}},
			line{do: "pulp content-guard rbac destroy --name {u}", exit: 1, says: []string{"{u}"}, about: "it is used"},
			line{do: "pulp debug openapi call --id users_create --body '{\"username\":\"{u}ci\",\"service_account\":true}'"},
			line{do: "pulp debug openapi call --id tokens_create --body '{\"name\":\"{u}\",\"user\":\"{u}ci\",\"permissions\":[\"core.download_*\",\"file.view_*\"]}'", keep: map[string]string{"token": "token"}},
			line{do: fetch + asToken, has: []string{"^403$"}}, line{do: "pulp content-guard rbac assign --name {u} --user {u}ci"}, line{do: fetch + asToken, has: []string{"^200$"}},
			line{do: fetch + " -u {u}ci:{token}", has: []string{"^200$"}}, line{do: fetch + " -u {u}:{token}", has: []string{"^403$"}, about: "another one's token"},
			line{write: map[string]string{"get.py": requested}, do: "python get.py {content}/pulp/content/{u}/a {u}ci {token}", has: []string{"^200 {t1}$"}},
			line{do: "pulp user role-assignment add --username {u}ci --role file.filerepository_viewer --object ''"},
			line{do: "pulp --username __token__ --password {token} file repository show --name {u}", want: []string{`name = "{u}"`}, about: "a token as password"},
			line{do: "pulp --username {u}ci --password {token} file repository destroy --name {u}", exit: 1, says: []string{"not authorized"}},
			line{do: "pulp --username {u}ci --password wrong file repository list", exit: 1, says: []string{"Authentication failed"}},
			line{do: "pulp file distribution update --name {u} --content-guard ''"}, line{do: fetch, has: []string{"^200$"}},
			line{do: "pulp content-guard rbac destroy --name {u}"}, line{do: "pulp content-guard rbac show --name {u}", exit: 1, says: []string{"Could not find"}},
		)},
		{"guards that look at the request", append(guarded(),
			line{do: "pulp content-guard header create --name {u} --header-name X-Build --header-value seven", keep: map[string]string{"h": "pulp_href"}, want: []string{`header_name = "X-Build"`, `jq_filter = null`}},
			line{do: "pulp content-guard header create --name {u}2 --header-name X-Build --header-value seven --jq-filter '.a |'", exit: 1, says: []string{"jq_filter"}},
			line{do: "pulp file distribution update --name {u} --content-guard core:header:{u}"}, line{do: fetch, has: []string{"^403$"}}, line{do: fetch + " -H 'X-Build: c2V2ZW4='", has: []string{"^200$"}},
			line{do: "pulp content-guard header update --name {u} --jq-filter .id"}, line{do: fetch + " -H 'X-Build: c2V2ZW4='", has: []string{"^403$"}}, line{do: fetch + " -H 'X-Build: eyJpZCI6InNldmVuIn0='", has: []string{"^200$"}},
			line{do: "pulp content-guard header show --name {u}", want: []string{`jq_filter = ".id"`}}, line{do: "pulp content-guard header list --name {u}", want: []string{`# = 1`}},
			line{do: "pulp content-guard redirect create --name {u}r", keep: map[string]string{"r": "pulp_href"}}, line{do: "pulp content-guard redirect update --name {u}r --description signed"},
			line{do: "pulp content-guard redirect show --name {u}r", want: []string{`description = "signed"`}}, line{do: "pulp content-guard redirect list --name {u}r", want: []string{`# = 1`}},
			line{do: "pulp content-guard composite create --name {u}c --guard core:content_redirect:{u}r", keep: map[string]string{"c": "pulp_href"}, want: []string{`guards = ["{r}"]`}},
			line{do: "pulp file distribution update --name {u} --content-guard {c}"}, line{do: fetch + " -H 'X-Build: eyJpZCI6InNldmVuIn0='", has: []string{"^403$"}},
			line{do: "pulp content-guard composite update --name {u}c --guard core:content_redirect:{u}r --guard core:header:{u}"}, line{do: fetch, has: []string{"^403$"}}, line{do: fetch + " -H 'X-Build: eyJpZCI6InNldmVuIn0='", has: []string{"^200$"}},
			line{do: "pulp content-guard composite show --name {u}c", want: []string{`guards = ["{r}","{h}"]`}}, line{do: "pulp content-guard composite list --name {u}c", want: []string{`# = 1`}},
			line{do: "pulp content-guard header destroy --name {u}", exit: 1, says: []string{"{u}c"}, about: "the composite one uses it"},
			line{do: "pulp file distribution update --name {u} --content-guard ''"}, line{do: "pulp content-guard composite destroy --name {u}c"}, line{do: "pulp content-guard redirect destroy --name {u}r"}, line{do: "pulp content-guard header destroy --name {u}"},
		)},
		{"guards that look at certificates", append(guarded(),
			line{write: map[string]string{"ca.pem": "{cert}", "no.pem": "no certificate"}, do: "pulp content-guard x509 create --name {u} --ca-certificate @ca.pem", keep: map[string]string{"g": "pulp_href"}, want: []string{`ca_certificate ~ BEGIN`}},
			line{do: "pulp content-guard x509 create --name {u}2 --ca-certificate @no.pem", exit: 1, says: []string{"ca_certificate"}},
			line{do: "pulp content-guard x509 update --name {u} --description one"}, line{do: "pulp content-guard x509 show --name {u}", want: []string{`description = "one"`}}, line{do: "pulp content-guard x509 list --name {u}", want: []string{`# = 1`}},
			line{do: "pulp file distribution update --name {u} --content-guard certguard:x509:{u}"}, line{do: fetch, has: []string{"^403$"}}, line{do: fetch + " -H 'X-CLIENT-CERT: {cert_header}'", has: []string{"^200$"}},
			line{do: "pulp content-guard rhsm create --name {u} --ca-certificate @ca.pem", exit: 1, says: []string{"(?i)unique"}, about: "all guards share their names"},
			line{do: "pulp content-guard rhsm create --name {u}e --ca-certificate @ca.pem"}, line{do: "pulp content-guard rhsm update --name {u}e --description two"},
			line{do: "pulp content-guard rhsm show --name {u}e", want: []string{`description = "two"`}}, line{do: "pulp content-guard rhsm list --name {u}e", want: []string{`# = 1`}},
			line{do: "pulp file distribution update --name {u} --content-guard certguard:rhsm:{u}e"}, line{do: fetch + " -H 'X-CLIENT-CERT: {cert_header}'", has: []string{"^403$"}, about: "it entitles to nothing"},
			line{do: "pulp file distribution destroy --name {u}"}, line{do: "pulp content-guard rhsm destroy --name {u}e"}, line{do: "pulp content-guard x509 destroy --name {u}"},
		)},
		{"roles on guards", append([]line{
			{do: "pulp user create --username {u} --password Green-boats-77"}, {do: "pulp content-guard rbac create --name {u}"},
		}, sharing(map[string]string{"content-guard rbac": "--name {u}"}, map[string]string{"content-guard rbac": "core.rbaccontentguard"})...)},
	}
}

// fetch downloads the file of a guarded distribution and prints the status; the others say as whom.
const (
	fetch   = "curl -s -o answer -w %{http_code} {content}/pulp/content/{u}/a"
	asUser  = " -u {u}:Green-boats-77"
	asToken = " -u __token__:{token}"
)

// requested is a Python program that downloads an address with a name and a password.
const requested = `import sys
import requests

answer = requests.get(sys.argv[1], auth=(sys.argv[2], sys.argv[3]), timeout=30)
print(answer.status_code, answer.text)
`

// guarded serves a file at {u}/a.
func guarded() []line {
	return []line{
		{write: map[string]string{"a": "{t1}"}, do: "pulp file repository create --name {u} --autopublish"}, {do: "pulp file content upload --file a --relative-path a --repository {u}"},
		{do: "pulp file distribution create --name {u} --base-path {u} --repository {u}"}, {do: fetch, has: []string{"^200$"}},
	}
}
