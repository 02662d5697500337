-- Content guards decide who may download from a distribution. Which one guards a distribution is in its
-- content_guard_id; a guard that is not there any more lets nobody through.

CREATE TABLE core_content_guards (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  name {{text}} NOT NULL,
  description {{text}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_content_guards_name UNIQUE (domain_id, name)
);

CREATE INDEX core_distributions_guard ON core_distributions (content_guard_id);

CREATE TABLE core_rbac_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);

CREATE TABLE core_composite_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);

-- The guards of a composite one, in the order in which they are asked.
CREATE TABLE core_composite_guard_members (
  composite_id {{uuid}} NOT NULL REFERENCES core_composite_guards (id) ON DELETE CASCADE,
  place {{int}} NOT NULL,
  guard_id {{uuid}} NOT NULL REFERENCES core_content_guards (id),
  PRIMARY KEY (composite_id, place)
);

CREATE INDEX core_composite_guard_members_guard ON core_composite_guard_members (guard_id);

CREATE TABLE core_redirect_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);

CREATE TABLE core_header_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  header_name {{text}} NOT NULL,
  header_value {{text}} NOT NULL,
  jq_filter {{text}}
);
