-- Where content comes from: remotes, the places of files that may not be downloaded yet, alternate sources, and what a
-- running sync has found so far. Columns named username, password, proxy_*, client_key hold sealed bytes.

CREATE TABLE core_remotes (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  name {{text}} NOT NULL,
  url {{text}} NOT NULL,
  policy {{text}} NOT NULL,
  ca_cert {{text}},
  client_cert {{text}},
  client_key {{bytes}},
  tls_validation {{bool}} NOT NULL,
  proxy_url {{text}},
  proxy_username {{bytes}},
  proxy_password {{bytes}},
  username {{bytes}},
  password {{bytes}},
  max_retries {{int}},
  total_timeout {{float}},
  connect_timeout {{float}},
  sock_connect_timeout {{float}},
  sock_read_timeout {{float}},
  headers {{json}},
  download_concurrency {{int}},
  rate_limit {{int}},
  pulp_labels {{json}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_remotes_name UNIQUE (domain_id, name)
);

CREATE INDEX core_repositories_remote ON core_repositories (remote_id);

-- Where a file of a unit can be fetched from. alternate marks those of alternate content sources, which are found by digest.
CREATE TABLE core_remote_artifacts (
  content_id {{uuid}} NOT NULL REFERENCES core_contents (id) ON DELETE CASCADE,
  relative_path {{text}} NOT NULL,
  remote_id {{uuid}} NOT NULL REFERENCES core_remotes (id) ON DELETE CASCADE,
  url {{text}} NOT NULL,
  size {{int}},
  sha256 {{text}},
  digests {{json}},
  alternate {{bool}} NOT NULL DEFAULT FALSE,
  failed_at {{time}},
  PRIMARY KEY (content_id, relative_path, remote_id)
);

CREATE INDEX core_remote_artifacts_remote ON core_remote_artifacts (remote_id);

CREATE INDEX core_remote_artifacts_alternate ON core_remote_artifacts (sha256) WHERE alternate;

CREATE TABLE core_alternate_content_sources (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  name {{text}} NOT NULL,
  remote_id {{uuid}} NOT NULL REFERENCES core_remotes (id),
  last_refreshed {{time}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_alternate_content_sources_name UNIQUE (domain_id, name)
);

CREATE INDEX core_alternate_content_sources_remote ON core_alternate_content_sources (remote_id);

-- A path below the source's URL, and the hidden repository that keeps what was found there.
CREATE TABLE core_alternate_content_source_paths (
  id {{uuid}} PRIMARY KEY,
  acs_id {{uuid}} NOT NULL REFERENCES core_alternate_content_sources (id) ON DELETE CASCADE,
  path {{text}} NOT NULL,
  repository_id {{uuid}} REFERENCES core_repositories (id) ON DELETE SET NULL,
  CONSTRAINT core_alternate_content_source_paths_path UNIQUE (acs_id, path)
);

CREATE INDEX core_alternate_content_source_paths_repository ON core_alternate_content_source_paths (repository_id);

-- What a running sync wants in its version, by the place that it takes there: of two units for one place the last stays.
-- Whoever ends the task removes its rows; a foreign key would be looked up for each unit of each sync.
CREATE TABLE core_staged_contents (
  task_id {{uuid}} NOT NULL,
  pulp_type {{text}} NOT NULL,
  repo_key {{text}} NOT NULL,
  content_id {{uuid}} NOT NULL,
  PRIMARY KEY (task_id, pulp_type, repo_key)
);
