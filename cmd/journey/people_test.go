package journey_test

import "testing"

// TestPeople goes the ways of users, groups, roles and access policies over REST.
func TestPeople(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.play(t, userScenarios()...)
		w.play(t, groupScenarios()...)
		w.play(t, roleScenarios()...)
		w.play(t, assignmentScenarios()...)
		w.play(t, policyScenarios()...)
		w.play(t, oracleScenarios()...)
	})
}

const word = "Green-boats-77"

func userScenarios() []scenario {
	return []scenario{{"users", []step{
		{do: "POST /users/", body: `{"username":"{u}","password":"` + word + `","first_name":"Ann","email":"a@example.org"}`, status: 201, keep: map[string]string{"href": "pulp_href", "id": "id", "prn": "prn"},
			want: []string{`username = "{u}"`, `is_staff = false`, `is_active = true`, `is_superuser = false`, `groups = []`, `hidden_fields = [{"is_set":true,"name":"password"}]`, `password absent`}, hasNot: []string{word}},
		{do: "GET {href}", status: 200, want: []string{`pulp_href = "/pulp/api/v3/users/{id}/"`, `prn = "prn:auth.user:{id}"`, `last_name = ""`}},
		{do: "POST /users/", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "username=form{u}&password=" + word, status: 201, want: []string{`is_active = true`}, keep: map[string]string{"form": "pulp_href"}, about: "a form has no box to tick"},
		{do: "DELETE {form}", status: 204},
		{do: "POST /users/", body: `{"username":"{u}"}`, status: 400, want: []string{`username.# = 1`}},
		{do: "POST /users/", body: `{"username":"x{u}","password":"12345678"}`, status: 400, want: []string{`password ~ numeric`}},
		{do: "POST /users/", body: `{"username":"a:b","email":"nobody"}`, status: 400, want: []string{`username.# = 1`, `email.# = 1`}},
		{do: "POST /users/", body: `{"username":"x{u}","is_superuser":true}`, status: 201, want: []string{`is_superuser = false`}, about: "a superuser is made by command"},
		{as: "{u}:" + word, do: "GET /tasks/", status: 200, about: "the password works"},
		{do: "PATCH {href}", body: `{"last_name":"Ash"}`, status: 200, want: []string{`last_name = "Ash"`, `first_name = "Ann"`, `hidden_fields.0.is_set = true`}},
		{as: "{u}:" + word, do: "GET /tasks/", status: 200, about: "a PATCH without a password keeps it"},
		{do: "PATCH {href}", body: `{"password":"{u}"}`, status: 400, want: []string{`password ~ similar`}},
		{do: "PATCH {href}", body: `{"password":"Other-boats-78"}`, status: 200},
		{as: "{u}:" + word, do: "GET /tasks/", status: 401}, {as: "{u}:Other-boats-78", do: "GET /tasks/", status: 200},
		{do: "PUT {href}", body: `{"username":"{u}"}`, status: 200, want: []string{`hidden_fields.0.is_set = false`, `last_name = ""`}, about: "a PUT without a password disables it"},
		{as: "{u}:Other-boats-78", do: "GET /tasks/", status: 401},
		{do: "PATCH {href}", body: `{"password":" ` + word + ` "}`, status: 200}, {as: "{u}: " + word + " ", do: "GET /tasks/", status: 200, about: "blanks belong to it"},
		{do: "PATCH {href}", body: `{"is_active":false}`, status: 200, want: []string{`is_active = false`}}, {as: "{u}: " + word + " ", do: "GET /tasks/", status: 401},
		{do: "GET /users/?username={u}&is_active=false&is_staff=false", status: 200, want: []string{`results.*.id = [{id}]`}},
		{do: "GET /users/?username__icontains={u}&ordering=username&first_name=", status: 200, want: []string{`count = 2`}},
		{do: "GET /users/?username__in={u},nobody&email__iexact=A@EXAMPLE.org", status: 200, want: []string{`count = 0`}, about: "the PUT emptied the address"},
		{do: "GET /users/?nonsense=1", status: 400, want: []string{`errors.0 = "Invalid Filter: 'nonsense'"`}},
		{do: "PATCH {href}", body: `{"service_account":true,"is_active":true}`, status: 200, want: []string{`service_account = true`, `hidden_fields.0.is_set = false`}},
		{do: "PATCH {href}", body: `{"password":"` + word + `"}`, status: 400, want: []string{`password ~ token`}},
		{do: "DELETE {href}", status: 204}, {do: "GET {href}", status: 404}, {do: "GET /users/0{id}/", status: 404}, {do: "GET /users/x/", status: 404},
		{as: plain, do: "GET /users/", status: 403}, {as: plain, do: "POST /users/", body: `{"username":"y{u}"}`, status: 403}, {as: "nobody", do: "GET /users/", status: 401},
	}}, {"one's own user", []step{
		{do: "GET /users/?username=admin", status: 200, keep: map[string]string{"me": "results.0.pulp_href"}, want: []string{`results.0.is_superuser = true`}},
		{do: "DELETE {me}", status: 400, want: []string{`non_field_errors ~ yourself`}},
		{do: "PATCH {me}", body: `{"is_active":false}`, status: 400, want: []string{`is_active ~ yourself`}},
		{do: "PATCH {me}", body: `{"service_account":true}`, status: 400, want: []string{`non_field_errors ~ last`}},
		{do: "PATCH {me}", body: `{"first_name":"A"}`, status: 200},
	}}}
}

func groupScenarios() []scenario {
	newUser := step{do: "POST /users/", body: `{"username":"{u}","password":"` + word + `"}`, status: 201, keep: map[string]string{"user": "pulp_href", "uid": "id"}}
	as := "{u}:" + word
	return []scenario{{"groups", []step{
		newUser,
		{do: "POST /groups/", body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"g": "pulp_href", "gid": "id"}, want: []string{`name = "{u}"`, `prn ~ ^"prn:core.group:`}},
		{do: "POST /groups/", body: `{"name":"{u}"}`, status: 400, want: []string{`name.# = 1`}},
		{do: "GET {g}list_roles/", status: 200, want: []string{`roles.0.role = "core.group_owner"`, `roles.0.users = ["admin"]`}},
		{do: "GET /groups/?name={u}&id={gid}", status: 200, want: []string{`count = 1`}}, {do: "GET /groups/?id__in={gid},{uid}&name__contains={u}", status: 200, want: []string{`count = 1`}},
		{as: as, do: "GET {g}", status: 404}, {as: as, do: "GET {g}users/", status: 404}, {as: as, do: "GET {g}roles/", status: 404}, {as: as, do: "GET /groups/", status: 200, want: []string{`count = 0`}},
		{as: as, do: "POST {g}users/", body: `{"username":"{u}"}`, status: 404},
		{do: "POST {g}users/", body: `{"username":"{u}"}`, status: 201, want: []string{`username = "{u}"`, `pulp_href = "{user}"`, `prn = "prn:auth.user:{uid}"`}},
		{do: "POST {g}users/", body: `{"pk":{uid}}`, status: 201, about: "the same again"}, {do: "POST {g}users/", body: `{"id":"{uid}"}`, status: 201},
		{do: "POST {g}users/", body: `{}`, status: 400}, {do: "POST {g}users/", body: `{"username":"none{u}"}`, status: 400},
		{do: "GET {g}users/", status: 200, want: []string{`results = [{"prn":"prn:auth.user:{uid}","pulp_href":"{user}","username":"{u}"}]`}},
		{do: "GET {user}", status: 200, want: []string{`groups.0.name = "{u}"`, `groups.0.pulp_href = "{g}"`}},
		{as: as, do: "GET {g}", status: 404, about: "members do not see their group by that alone"},
		{do: "POST {g}add_role/", body: `{"role":"core.group_viewer","users":["{u}"]}`, status: 201},
		{as: as, do: "GET {g}", status: 200}, {as: as, do: "GET {g}users/", status: 200, want: []string{`count = 1`}}, {as: as, do: "GET {g}roles/", status: 200}, {as: as, do: "GET /groups/", status: 200, want: []string{`count = 1`}},
		{as: as, do: "PATCH {g}", body: `{"name":"x{u}"}`, status: 403}, {as: as, do: "DELETE {g}users/{uid}/", status: 403}, {as: as, do: "POST {g}roles/", body: `{"role":"core.group_owner","content_object":null}`, status: 403},
		{do: "POST {g}roles/", body: `{"role":"core.group_owner","content_object":"{g}"}`, status: 201, about: "a role for the group on itself"},
		{as: as, do: "PATCH {g}", body: `{"name":"x{u}"}`, status: 200, want: []string{`name = "x{u}"`}},
		{as: as, do: "GET {g}my_permissions/", status: 200, want: []string{`permissions = ["core.change_group","core.delete_group","core.manage_roles_group","core.view_group"]`}},
		{as: as, do: "POST {g}roles/", body: `{"role":"file.filerepository_creator","content_object":null}`, status: 403, about: "an owner cannot give the group more than it has"},
		{do: "DELETE {g}users/{uid}/", status: 204}, {do: "DELETE {g}users/{uid}/", status: 404},
		{as: as, do: "PATCH {g}", body: `{"name":"y{u}"}`, status: 403, about: "who left has lost the role"},
		{do: "DELETE {g}", status: 204}, {do: "GET {g}users/", status: 404}, {do: "GET {g}roles/", status: 404},
		{do: "GET {user}roles/", status: 200, want: []string{`count = 0`}, about: "roles on the group went with it"},
		{as: as, do: "POST /groups/", body: `{"name":"z{u}"}`, status: 403},
	}}}
}

func roleScenarios() []scenario {
	return []scenario{{"roles", []step{
		{do: "POST /roles/", body: `{"name":"{u}","permissions":["file.view_filerepository","core.view_group","core.view_group"]}`, status: 201, keep: map[string]string{"r": "pulp_href"},
			want: []string{`permissions = ["core.view_group","file.view_filerepository"]`, `locked = false`, `description = null`, `prn ~ ^"prn:core.role:`}},
		{do: "POST /roles/", body: `{"name":"{u}","permissions":[]}`, status: 400, want: []string{`name.# = 1`}}, {do: "POST /roles/", body: `{"name":"x{u}"}`, status: 400, want: []string{`permissions ~ required`}},
		{do: "POST /roles/", body: `{"name":"x{u}","permissions":["file.fly"]}`, status: 400, want: []string{`permissions ~ file.fly`}},
		{do: "PATCH {r}", body: `{"permissions":["file.view_filerepository"],"description":"d"}`, status: 200, want: []string{`permissions = ["file.view_filerepository"]`, `description = "d"`, `name = "{u}"`}},
		{do: "PUT {r}", body: `{"name":"y{u}","permissions":["file.sync_filerepository","file.view_filerepository"]}`, status: 200, want: []string{`name = "y{u}"`, `permissions.# = 2`}},
		{do: "GET /roles/?name=y{u}&locked=false&contains_permission=file.fly&contains_permission=file.sync_filerepository", status: 200, want: []string{`count = 1`}},
		{do: "GET /roles/?name=y{u}&contains_permission=sync_filerepository", status: 200, want: []string{`count = 1`}}, {do: "GET /roles/?name=y{u}&contains_permission=file.fly", status: 200, want: []string{`count = 0`}},
		{do: "GET /roles/?name=y{u}&for_object_type=/pulp/api/v3/repositories/file/file/", status: 200, want: []string{`count = 1`}}, {do: "GET /roles/?name=y{u}&for_object_type=/pulp/api/v3/groups/", status: 200, want: []string{`count = 0`}},
		{do: "GET /roles/?name=file.filerepository_owner", status: 200, keep: map[string]string{"l": "results.0.pulp_href"}, want: []string{`results.0.locked = true`}},
		{do: "PATCH {l}", body: `{"description":"mine"}`, status: 403}, {do: "PUT {l}", body: `{"name":"a","permissions":[]}`, status: 403}, {do: "DELETE {l}", status: 403},
		{as: plain, do: "GET /roles/", status: 403},
		{do: "DELETE {r}", status: 204}, {do: "GET {r}", status: 404},
	}}}
}

func assignmentScenarios() []scenario {
	as := "{u}:" + word
	return []scenario{{"roles of a user", []step{
		{do: "POST /users/", body: `{"username":"{u}","password":"` + word + `"}`, status: 201, keep: map[string]string{"user": "pulp_href"}},
		{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
		{as: as, do: "GET {repo}", status: 404},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_viewer","content_object":"{repo}"}`, status: 201, keep: map[string]string{"one": "pulp_href"},
			want: []string{`content_object = "{repo}"`, `content_object_prn = "{prn}"`, `domain = null`, `permissions = ["file.view_filerepository"]`, `prn ~ ^"prn:core.userrole:`, `description ~ look`}},
		{as: as, do: "GET {repo}", status: 200}, {as: as, do: "DELETE {repo}", status: 403},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_viewer","content_object_prn":"{prn}"}`, status: 400, want: []string{`non_field_errors ~ already`}},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_viewer"}`, status: 400, want: []string{`non_field_errors.# = 1`}},
		{do: "POST {user}roles/", body: `{"role":"core.group_owner","content_object":"{repo}"}`, status: 400, want: []string{`role.# = 1`}},
		{do: "POST {user}roles/", body: `{"role":"nothing","content_object":null}`, status: 400, want: []string{`role.# = 1`}},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_viewer","content_object":"/pulp/api/v3/repositories/file/file/{none}/"}`, status: 400, want: []string{`content_object.# = 1`}},
		{do: "GET /domains/?name=default", status: 200, keep: map[string]string{"domain": "results.0.pulp_href"}},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_owner","content_object":"{repo}","domain":"{domain}"}`, status: 400},
		{do: "POST {user}roles/", body: `{"role":"core.group_owner","content_object":null,"domain":"{domain}"}`, status: 400, want: []string{`domain.# = 1`}},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_owner","content_object":null,"domain":"{domain}"}`, status: 201, want: []string{`domain = "{domain}"`, `content_object = null`}},
		{as: as, do: "PATCH {repo}", body: `{"description":"x"}`, status: 202, task: "completed"},
		{do: "POST {user}roles/", body: `{"role":"file.filerepository_creator","content_object":null}`, status: 201, keep: map[string]string{"all": "pulp_href"}},
		{do: "GET {user}roles/?role__contains=_owner&domain={domain}", status: 200, want: []string{`count = 1`}}, {do: "GET {user}roles/?domain=null&content_object=null", status: 200, want: []string{`results.*.role = ["file.filerepository_creator"]`}},
		{do: "GET {user}roles/?content_object={repo}&role=file.filerepository_viewer&role__startswith=file.&role__in=a,file.filerepository_viewer&role__icontains=VIEWER", status: 200, want: []string{`count = 1`}},
		{do: "GET {one}", status: 200, want: []string{`role = "file.filerepository_viewer"`}},
		{as: plain, do: "GET {user}roles/", status: 403}, {as: as, do: "POST {user}roles/", body: `{"role":"core.domain_admin","content_object":null}`, status: 403},
		{do: "DELETE {all}", status: 204}, {do: "GET {all}", status: 404}, {do: "GET /users/999999/roles/", status: 404},
		{do: "DELETE {repo}", status: 202, task: "completed"}, {do: "GET {user}roles/?content_object={repo}", status: 200, want: []string{`count = 0`}, about: "roles go with the object"},
		{do: "DELETE {user}", status: 204},
	}}}
}

func policyScenarios() []scenario {
	as := "{u}:" + word
	return []scenario{{"access policies", []step{
		{do: "POST /users/", body: `{"username":"{u}","password":"` + word + `"}`, status: 201, keep: map[string]string{"user": "pulp_href"}},
		{do: "GET /access_policies/?viewset_name=acs/file/file", status: 200, keep: map[string]string{"p": "results.0.pulp_href"},
			want: []string{`results.0.customized = false`, `results.0.queryset_scoping.function = "scope_queryset"`, `results.0.creation_hooks.0.function = "add_roles_for_object_creator"`, `results.0.permissions_assignment.# = 1`, `results.0.statements.0.effect = "allow"`}},
		{do: "POST /access_policies/", body: `{}`, status: 405}, {do: "DELETE {p}", status: 405}, {as: plain, do: "GET /access_policies/", status: 403},
		{as: as, do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/"}`, status: 403},
		{as: as, do: "POST " + sources, body: `{"name":"{u}","remote":"/pulp/api/v3/remotes/file/file/{none}/"}`, status: 403},
		{do: "PATCH {p}", body: `{"statements":[{"action":"create","principal":"authenticated","effect":"allow","condition":"fly"}]}`, status: 400, want: []string{`statements ~ fly`}},
		{do: "PATCH {p}", body: `{"statements":[{"action":"create","principal":"authenticated","effect":"allow","when":"now"}]}`, status: 400, want: []string{`statements ~ when`}},
		{do: "PATCH {p}", body: `{"statements":[{"action":"create","principal":"authenticated","effect":"deny","Effect":"allow"}]}`, status: 400, want: []string{`statements ~ Effect`}},
		{do: "PATCH {p}", body: `{"creation_hooks":[{"Function":"add_roles_for_object_creator","function":"add_roles_for_object_creator","parameters":{"roles":"file.filealternatecontentsource_owner"}}]}`, status: 400, want: []string{`creation_hooks ~ Function`}},
		{do: "PATCH {p}", body: `{"creation_hooks":[{"function":"add_roles_for_users","parameters":{"roles":"file.filealternatecontentsource_owner","users":["none{u}"]}}]}`, status: 400, want: []string{`creation_hooks ~ none{u}`}},
		{do: "PATCH {p}", body: `{"creation_hooks":[{"function":"add_roles_for_object_creator","parameters":{"roles":"none{u}"}}]}`, status: 400, want: []string{`creation_hooks ~ none{u}`}},
		{do: "PATCH {p}", body: `{"creation_hooks":[],"permissions_assignment":[{"function":"add_roles_for_object_creator","parameters":{"roles":"file.filealternatecontentsource_owner"}}]}`, status: 400},
		{do: "PATCH {p}", body: `{"statements":[{"action":["*"],"principal":["authenticated"],"effect":"allow"}],"permissions_assignment":[]}`, status: 200,
			want: []string{`customized = true`, `statements = [{"action":["*"],"effect":"allow","principal":"authenticated"}]`, `creation_hooks = []`, `queryset_scoping.function = "scope_queryset"`}},
		{as: as, do: "POST " + sources, body: `{"name":"{u}","remote":"/pulp/api/v3/remotes/file/file/{none}/"}`, status: 400, about: "allowed, and the remote is not there"},
		{do: "POST {user}roles/", body: `{"role":"core.group_creator","content_object":null}`, status: 201}, {as: as, do: "POST /groups/", body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"g": "pulp_href"}},
		{do: "PATCH {p}", body: `{"statements":[{"action":["*"],"principal":["authenticated","group:x{u}"],"effect":"allow"}]}`, status: 200},
		{as: as, do: "POST /groups/", body: `{"name":"x{u}"}`, status: 400, want: []string{`name ~ superuser`}, about: "the policy is for a group that is not there yet"},
		{as: as, do: "PATCH {g}", body: `{"name":"x{u}"}`, status: 400, want: []string{`name ~ superuser`}}, {as: as, do: "PATCH {g}", body: `{"name":"y{u}"}`, status: 200}, {do: "DELETE {g}", status: 204},
		{do: "PATCH {p}", body: `{"queryset_scoping":null}`, status: 200, want: []string{`queryset_scoping = null`, `statements.# = 1`}}, {do: "GET {p}", status: 200, want: []string{`queryset_scoping = null`}},
		{do: "GET /access_policies/?customized=true&viewset_name__startswith=acs", status: 200, want: []string{`count = 1`}},
		{do: "POST {p}reset/", status: 200, want: []string{`customized = false`, `statements.0.action = ["list"]`, `queryset_scoping.function = "scope_queryset"`, `creation_hooks.# = 1`}},
		{as: as, do: "POST " + sources, body: `{"name":"{u}","remote":"/pulp/api/v3/remotes/file/file/{none}/"}`, status: 403},
		{do: "POST /roles/", body: `{"name":"{u}","permissions":["file.view_filealternatecontentsource"]}`, status: 201, keep: map[string]string{"role": "pulp_href"}},
		{do: "PUT {p}", body: `{"creation_hooks":[{"function":"add_roles_for_object_creator","parameters":{"roles":["{u}"]}}]}`, status: 200, want: []string{`creation_hooks.0.parameters.roles = ["{u}"]`, `statements.0.action = ["list"]`}},
		{do: "DELETE {role}", status: 400, want: []string{`non_field_errors ~ acs/file/file`}}, {do: "POST {p}reset/", status: 200}, {do: "DELETE {role}", status: 204},
	}}}
}
