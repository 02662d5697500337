-- API tokens. Only the digest is kept, so a stolen copy of the table opens nothing. A token that was made with another one
-- goes when that one goes.

CREATE TABLE core_tokens (
  id {{uuid}} PRIMARY KEY,
  user_id {{int}} NOT NULL REFERENCES core_users (id) ON DELETE CASCADE,
  name {{text}} NOT NULL,
  secret_hash {{text}} NOT NULL UNIQUE,
  scope {{json}} NOT NULL,
  expires_at {{time}},
  last_used_at {{time}},
  created_by {{int}} REFERENCES core_users (id) ON DELETE SET NULL,
  parent_id {{uuid}} REFERENCES core_tokens (id) ON DELETE CASCADE,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE INDEX core_tokens_user ON core_tokens (user_id);

CREATE INDEX core_tokens_parent ON core_tokens (parent_id);

CREATE INDEX core_tokens_expiry ON core_tokens (expires_at);

-- Failed log-ins: one row for a name from an address, for a name, and for an address, under the digest of each.
CREATE TABLE core_login_failures (
  key_hash {{text}} PRIMARY KEY,
  failures {{int}} NOT NULL,
  failed_at {{time}} NOT NULL
);

CREATE INDEX core_login_failures_time ON core_login_failures (failed_at);

-- The addresses from which a user has logged in, under the digest of both: there a lock-out that others caused does not
-- hold.
CREATE TABLE core_login_places (
  key_hash {{text}} PRIMARY KEY,
  seen_at {{time}} NOT NULL
);

CREATE INDEX core_login_places_time ON core_login_places (seen_at);
