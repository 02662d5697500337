-- depends: core 0001_init

CREATE TABLE file_contents (
  id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  relative_path {{text}} NOT NULL,
  digest {{text}} NOT NULL,
  CONSTRAINT file_contents_unit UNIQUE (domain_id, relative_path, digest)
);

-- Covers a search by path with its count and its order, so that only the page itself is read from the table.
CREATE INDEX file_contents_path ON file_contents (domain_id, relative_path, id);

CREATE INDEX file_contents_digest ON file_contents (digest);

CREATE TABLE file_repositories (
  id {{uuid}} PRIMARY KEY REFERENCES core_repositories (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  autopublish {{bool}} NOT NULL,
  manifest {{text}},
  last_sync_details {{json}} NOT NULL
);

CREATE TABLE file_publications (
  id {{uuid}} PRIMARY KEY REFERENCES core_publications (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  manifest {{text}}
);

CREATE TABLE file_distributions (
  id {{uuid}} PRIMARY KEY REFERENCES core_distributions (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);
