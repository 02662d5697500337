-- depends: core 0002_remotes

CREATE TABLE file_remotes (
  id {{uuid}} PRIMARY KEY REFERENCES core_remotes (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);

CREATE TABLE file_git_remotes (
  id {{uuid}} PRIMARY KEY REFERENCES core_remotes (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  git_ref {{text}} NOT NULL
);

CREATE TABLE file_alternate_content_sources (
  id {{uuid}} PRIMARY KEY REFERENCES core_alternate_content_sources (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id)
);

-- The lines of the manifest that the newest version was synced from, as hashes in order: what is among them is here.
CREATE TABLE file_synced_lines (
  repository_id {{uuid}} PRIMARY KEY REFERENCES file_repositories (id) ON DELETE CASCADE,
  lines {{bytes}} NOT NULL
);
