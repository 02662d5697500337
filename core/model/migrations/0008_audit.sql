-- Who did what. Rows are only ever added: in the transaction of what they tell of, without position and hash. Sealing
-- gives them both, in one chain over all processes; from then on a changed, removed or inserted row shows.

CREATE TABLE core_audit_entries (
  id {{uuid}} PRIMARY KEY,
  position {{int}} UNIQUE,
  at {{time}} NOT NULL,
  user_id {{int}},
  username {{text}} NOT NULL,
  via {{text}} NOT NULL,
  client {{text}} NOT NULL,
  method {{text}} NOT NULL,
  route {{text}} NOT NULL,
  action {{text}} NOT NULL,
  object {{text}} NOT NULL,
  domain {{text}} NOT NULL,
  status {{int}} NOT NULL,
  reason {{text}} NOT NULL,
  task {{text}} NOT NULL,
  cid {{text}} NOT NULL,
  process {{text}} NOT NULL,
  genuine {{bool}} NOT NULL DEFAULT FALSE,
  hash {{text}} NOT NULL DEFAULT '',
  proof {{bytes}}
);

CREATE INDEX core_audit_entries_unsealed ON core_audit_entries (id) WHERE position IS NULL;

CREATE INDEX core_audit_entries_at ON core_audit_entries (at);

CREATE INDEX core_audit_entries_username ON core_audit_entries (username, id);

CREATE INDEX core_audit_entries_object ON core_audit_entries (object, id);

CREATE INDEX core_audit_entries_cid ON core_audit_entries (cid);

-- The one row is the end of the chain, and the entry before its beginning once old entries were removed. The seals are
-- made with the key file, so that nobody can move an end by writing to the database alone.
CREATE TABLE core_audit_head (
  id {{int}} PRIMARY KEY,
  position {{int}} NOT NULL,
  hash {{text}} NOT NULL,
  seal {{bytes}},
  anchor_position {{int}} NOT NULL,
  anchor_hash {{text}} NOT NULL,
  anchor_seal {{bytes}}
);

INSERT INTO core_audit_head (id, position, hash, anchor_position, anchor_hash) VALUES (1, 0, '', 0, '');
