package journey_test

// pulpPeople are the commands for users, groups, roles and access policies.
func pulpPeople() []session {
	return []session{
		{"users, groups and roles", []line{
			{do: "pulp user create --username {u} --password Green-boats-77 --first-name Ann --staff", keep: map[string]string{"user": "pulp_href"}, want: []string{`username = "{u}"`, `is_staff = true`, `groups = []`}},
			{do: "pulp user create --username {u} --password Green-boats-77", exit: 1, says: []string{"already|unique"}},
			{do: "pulp user list --limit 1000", has: []string{"{u}"}}, {do: "pulp user show --username {u}", want: []string{`pulp_href = "{user}"`, `hidden_fields.0.is_set = true`}},
			{do: "pulp user update --username {u} --last-name Ash --no-staff"}, {do: "pulp user show --href {user}", want: []string{`last_name = "Ash"`, `is_staff = false`, `hidden_fields.0.is_set = true`}},
			{do: "pulp group create --name {u}", keep: map[string]string{"g": "pulp_href"}}, {do: "pulp group list --limit 1000", has: []string{"{u}"}}, {do: "pulp group show --name {u}", want: []string{`pulp_href = "{g}"`}},
			{do: "pulp group user add --group {u} --username {u}"}, {do: "pulp group user list --group {u}", want: []string{`*.username = ["{u}"]`}},
			{do: "pulp role create --name {u} --permission file.view_filerepository --permission file.sync_filerepository", want: []string{`permissions.# = 2`, `locked = false`}},
			{do: "pulp role update --name {u} --permission file.view_filerepository"}, {do: "pulp role show --name {u}", want: []string{`permissions = ["file.view_filerepository"]`}},
			{do: "pulp role list --name-contains {u} --unlocked", want: []string{`# = 1`}}, {do: "pulp role destroy --name core.group_owner", exit: 1},
			{do: "pulp file repository create --name {u}", keep: map[string]string{"r": "pulp_href"}},
			{do: "pulp user role-assignment add --username {u} --role {u} --object {r}", want: []string{`content_object = "{r}"`}}, {do: "pulp user role-assignment list --username {u} --object {r}", want: []string{`*.role = ["{u}"]`}},
			{do: "pulp --username {u} --password Green-boats-77 file repository show --name {u}", want: []string{`pulp_href = "{r}"`}},
			{do: "pulp user role-assignment remove --username {u} --role {u} --object {r}"},
			{do: "pulp --username {u} --password Green-boats-77 file repository show --name {u}", exit: 1, says: []string{"Could not find"}},
			{do: "pulp group role-assignment add --group {u} --role {u} --object ''", want: []string{`content_object = null`}}, {do: "pulp group role-assignment list --group {u}", has: []string{"{u}"}},
			{do: "pulp --username {u} --password Green-boats-77 file repository show --name {u}", want: []string{`pulp_href = "{r}"`}},
			{do: "pulp group role-assignment remove --group {u} --role {u} --object ''"},
			{do: "pulp group role add --name {u} --role core.group_viewer --user {u}"}, {do: "pulp group role list --name {u}", has: []string{"core.group_viewer"}},
			{do: "pulp group role my-permissions --name {u}", has: []string{"core.change_group"}}, {do: "pulp group role remove --name {u} --role core.group_viewer --user {u}"},
			{do: "pulp group user remove --group {u} --username {u}"}, {do: "pulp group destroy --name {u}"}, {do: "pulp role destroy --name {u}"}, {do: "pulp user destroy --username {u}"},
			{do: "pulp file repository destroy --name {u}", says: []string{"Done"}},
		}},
		{"access policies", []line{
			{do: "pulp access-policy list --limit 1000", has: []string{"repositories/file/file"}},
			{do: "pulp access-policy show --viewset-name remotes/file/git", want: []string{`customized = false`}},
			{do: "pulp access-policy update --viewset-name remotes/file/git --creation-hooks '[]'"},
			{do: "pulp access-policy show --viewset-name remotes/file/git", want: []string{`customized = true`, `creation_hooks = []`}},
			{do: "pulp access-policy reset --viewset-name remotes/file/git", want: []string{`customized = false`}},
		}},
		{"roles on objects", append([]line{
			{do: "pulp user create --username {u} --password Green-boats-77"},
			{do: "pulp file repository create --name {u}"}, {do: "pulp file publication create --repository {u}", keep: map[string]string{"p": "pulp_href"}},
			{do: "pulp file distribution create --name {u} --base-path {u}"}, {do: "pulp file remote create --name {u} --url http://a.example/ --policy on_demand"},
			{do: "pulp file acs create --name {u} --remote {u}"}, {do: "pulp task list --limit 1", keep: map[string]string{"task": "0.pulp_href"}},
		}, sharing(map[string]string{
			"file repository": "--name {u}", "file distribution": "--name {u}", "file remote": "--name {u}", "file acs": "--name {u}", "file publication": "--href {p}", "task": "--href {task}",
		}, map[string]string{
			"file repository": "file.filerepository", "file distribution": "file.filedistribution", "file remote": "file.fileremote", "file acs": "file.filealternatecontentsource", "file publication": "file.filepublication", "task": "core.task",
		})...)},
	}
}

// sharing gives a role on an object of each noun, looks at it and takes it away.
func sharing(objects, models map[string]string) []line {
	var lines []line
	for noun, object := range objects {
		command := "pulp " + noun + " role "
		role := " --role " + models[noun] + "_viewer --user {u}"
		lines = append(lines,
			line{do: command + "add " + object + role}, line{do: command + "list " + object, has: []string{models[noun] + "_viewer"}},
			line{do: command + "add " + object + role, exit: 1, says: []string{"already"}},
			line{do: command + "my-permissions " + object, has: []string{"view_"}}, line{do: command + "remove " + object + role})
	}
	return lines
}
