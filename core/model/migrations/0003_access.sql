-- Who may do what. A role is a set of permissions. It is given to a user or a group: everywhere (no domain, no object),
-- in a domain, or on one object. Objects are named by model label and identity; integer identities (users, groups) are
-- written as a UUID whose last part is the number.

CREATE TABLE core_groups (
  id {{serial}},
  name {{text}} NOT NULL UNIQUE
);

CREATE TABLE core_group_users (
  group_id {{int}} NOT NULL REFERENCES core_groups (id) ON DELETE CASCADE,
  user_id {{int}} NOT NULL REFERENCES core_users (id) ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
);

CREATE INDEX core_group_users_user ON core_group_users (user_id, group_id);

CREATE TABLE core_roles (
  id {{uuid}} PRIMARY KEY,
  name {{text}} NOT NULL UNIQUE,
  description {{text}},
  locked {{bool}} NOT NULL DEFAULT FALSE,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE TABLE core_role_permissions (
  role_id {{uuid}} NOT NULL REFERENCES core_roles (id) ON DELETE CASCADE,
  permission {{text}} NOT NULL,
  PRIMARY KEY (role_id, permission)
);

CREATE INDEX core_role_permissions_permission ON core_role_permissions (permission, role_id);

-- One row for each assignment; exactly one of user_id and group_id is set.
CREATE TABLE core_role_assignments (
  id {{uuid}} PRIMARY KEY,
  user_id {{int}} REFERENCES core_users (id) ON DELETE CASCADE,
  group_id {{int}} REFERENCES core_groups (id) ON DELETE CASCADE,
  role_id {{uuid}} NOT NULL REFERENCES core_roles (id) ON DELETE CASCADE,
  domain_id {{uuid}} REFERENCES core_domains (id) ON DELETE CASCADE,
  model {{text}},
  object_id {{uuid}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE INDEX core_role_assignments_user ON core_role_assignments (user_id, model, role_id, object_id);

CREATE INDEX core_role_assignments_group ON core_role_assignments (group_id, model, role_id, object_id);

CREATE INDEX core_role_assignments_object ON core_role_assignments (object_id, model);

CREATE INDEX core_role_assignments_role ON core_role_assignments (role_id);

CREATE INDEX core_role_assignments_domain ON core_role_assignments (domain_id);

-- What the REST API lets people edit of who may do what at an endpoint. Members are null while nobody edited the row:
-- then what is declared stands, so that an upgrade can change it.
CREATE TABLE core_access_policies (
  id {{uuid}} PRIMARY KEY,
  viewset_name {{text}} NOT NULL UNIQUE,
  statements {{json}},
  creation_hooks {{json}},
  queryset_scoping {{json}},
  customized {{bool}} NOT NULL DEFAULT FALSE,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

-- The one row is counted up by every change of roles, assignments, groups and policies. It is read with the user of a
-- request, so what a process remembers of them is known to be right or wrong without a question of its own.
CREATE TABLE core_access_mark (
  id {{int}} PRIMARY KEY,
  mark {{int}} NOT NULL
);

INSERT INTO core_access_mark (id, mark) VALUES (1, 1);

CREATE INDEX core_tasks_creator ON core_tasks (created_by, id);

ALTER TABLE core_users ADD COLUMN is_service_account {{bool}} NOT NULL DEFAULT FALSE;

-- Where a user comes from: empty for users made here, "ldap", "oidc:<provider>", "remote", "json".
ALTER TABLE core_users ADD COLUMN origin {{text}} NOT NULL DEFAULT '';
