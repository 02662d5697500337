-- The nouns of the core. Every row carries its domain, and every unique key includes it, so that domains can come
-- without moving rows. Identities are UUIDs of version 7 whose time is the row's pulp_created, so ordering by id is
-- ordering by creation.

CREATE TABLE core_domains (
  id {{uuid}} PRIMARY KEY,
  name {{text}} NOT NULL UNIQUE,
  description {{text}},
  pulp_labels {{json}} NOT NULL,
  storage_class {{text}} NOT NULL,
  storage_settings {{bytes}},
  redirect_to_object_storage {{bool}} NOT NULL DEFAULT TRUE,
  hide_guarded_distributions {{bool}} NOT NULL DEFAULT FALSE,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE TABLE core_users (
  id {{serial}},
  username {{text}} NOT NULL UNIQUE,
  password {{text}} NOT NULL,
  first_name {{text}} NOT NULL DEFAULT '',
  last_name {{text}} NOT NULL DEFAULT '',
  email {{text}} NOT NULL DEFAULT '',
  is_staff {{bool}} NOT NULL DEFAULT FALSE,
  is_active {{bool}} NOT NULL DEFAULT TRUE,
  is_superuser {{bool}} NOT NULL DEFAULT FALSE,
  date_joined {{time}} NOT NULL,
  last_login {{time}}
);

CREATE TABLE core_sessions (
  key_hash {{text}} PRIMARY KEY,
  user_id {{int}} NOT NULL REFERENCES core_users (id) ON DELETE CASCADE,
  csrf {{text}} NOT NULL,
  password_mark {{text}} NOT NULL,
  created_at {{time}} NOT NULL,
  expires_at {{time}} NOT NULL
);

CREATE INDEX core_sessions_user ON core_sessions (user_id);

CREATE INDEX core_sessions_expiry ON core_sessions (expires_at);

-- file is the storage key: content-addressed layout is a choice, not a law.
CREATE TABLE core_artifacts (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  file {{text}} NOT NULL,
  size {{int}} NOT NULL,
  md5 {{text}},
  sha1 {{text}},
  sha224 {{text}},
  sha256 {{text}} NOT NULL,
  sha384 {{text}},
  sha512 {{text}},
  timestamp_of_interest {{time}} NOT NULL,
  reclaim_after {{time}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_artifacts_sha256 UNIQUE (domain_id, sha256)
);

CREATE UNIQUE INDEX core_artifacts_sha384 ON core_artifacts (domain_id, sha384);

CREATE UNIQUE INDEX core_artifacts_sha512 ON core_artifacts (domain_id, sha512);

CREATE INDEX core_artifacts_md5 ON core_artifacts (md5);

CREATE INDEX core_artifacts_sha1 ON core_artifacts (sha1);

CREATE INDEX core_artifacts_sha224 ON core_artifacts (sha224);

-- assembled is the storage key of the single file that chunks are written into, where the storage can write in place.
CREATE TABLE core_uploads (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  size {{int}} NOT NULL,
  assembled {{text}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE TABLE core_upload_chunks (
  upload_id {{uuid}} NOT NULL REFERENCES core_uploads (id) ON DELETE CASCADE,
  chunk_offset {{int}} NOT NULL,
  size {{int}} NOT NULL,
  sha256 {{text}} NOT NULL,
  file {{text}},
  PRIMARY KEY (upload_id, chunk_offset)
);

CREATE TABLE core_contents (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  pulp_labels {{json}} NOT NULL,
  timestamp_of_interest {{time}} NOT NULL,
  upstream_published_at {{time}},
  first_seen_at {{time}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE TABLE core_content_artifacts (
  content_id {{uuid}} NOT NULL REFERENCES core_contents (id) ON DELETE CASCADE,
  relative_path {{text}} NOT NULL,
  artifact_id {{uuid}} REFERENCES core_artifacts (id),
  PRIMARY KEY (content_id, relative_path)
);

CREATE INDEX core_content_artifacts_artifact ON core_content_artifacts (artifact_id);

CREATE INDEX core_content_artifacts_path ON core_content_artifacts (relative_path, content_id);

CREATE TABLE core_repositories (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  name {{text}} NOT NULL,
  description {{text}},
  retain_repo_versions {{int}},
  retain_checkpoints {{int}},
  remote_id {{uuid}},
  next_version {{int}} NOT NULL DEFAULT 0,
  latest_version {{int}} NOT NULL DEFAULT 0,
  user_hidden {{bool}} NOT NULL DEFAULT FALSE,
  pulp_labels {{json}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_repositories_name UNIQUE (domain_id, name)
);

-- A version is complete from the moment it is visible. set_hash is a sum over the identities of its content, so that
-- "never changes" is cheap to check; counts holds added, removed and present per content type.
CREATE TABLE core_repository_versions (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  repository_id {{uuid}} NOT NULL REFERENCES core_repositories (id) ON DELETE CASCADE,
  number {{int}} NOT NULL,
  base_version_id {{uuid}} REFERENCES core_repository_versions (id) ON DELETE SET NULL,
  counts {{json}} NOT NULL,
  set_hash {{text}} NOT NULL,
  current_from {{time}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_repository_versions_number UNIQUE (repository_id, number)
);

CREATE INDEX core_repository_versions_base ON core_repository_versions (base_version_id);

-- Membership as intervals: content is in version n when version_added <= n and (version_removed is null or > n).
-- repo_key is what must be unique inside one version (for files the relative path); empty when a type has none.
CREATE TABLE core_repository_contents (
  repository_id {{uuid}} NOT NULL REFERENCES core_repositories (id) ON DELETE CASCADE,
  content_id {{uuid}} NOT NULL REFERENCES core_contents (id),
  version_added {{int}} NOT NULL,
  version_removed {{int}},
  pulp_type {{text}} NOT NULL,
  repo_key {{text}} NOT NULL,
  added_at {{time}} NOT NULL,
  PRIMARY KEY (repository_id, content_id, version_added)
);

CREATE INDEX core_repository_contents_added ON core_repository_contents (repository_id, version_added);

CREATE INDEX core_repository_contents_removed ON core_repository_contents (repository_id, version_removed) WHERE version_removed IS NOT NULL;

CREATE UNIQUE INDEX core_repository_contents_live ON core_repository_contents (repository_id, content_id) WHERE version_removed IS NULL;

CREATE UNIQUE INDEX core_repository_contents_key ON core_repository_contents (repository_id, pulp_type, repo_key) WHERE version_removed IS NULL AND repo_key <> '';

CREATE INDEX core_repository_contents_path ON core_repository_contents (repository_id, repo_key, version_added);

CREATE INDEX core_repository_contents_content ON core_repository_contents (content_id);

CREATE TABLE core_publications (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  repository_id {{uuid}} NOT NULL REFERENCES core_repositories (id) ON DELETE CASCADE,
  repository_version_id {{uuid}} NOT NULL REFERENCES core_repository_versions (id) ON DELETE CASCADE,
  version_number {{int}} NOT NULL,
  complete {{bool}} NOT NULL,
  pass_through {{bool}} NOT NULL,
  checkpoint {{bool}} NOT NULL DEFAULT FALSE,
  task_id {{uuid}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE INDEX core_publications_version ON core_publications (repository_version_id);

CREATE INDEX core_publications_latest ON core_publications (repository_id, version_number, id) WHERE complete;

CREATE INDEX core_publications_draft ON core_publications (task_id) WHERE NOT complete;

-- A published path leads to an artifact of its own (metadata) or to the artifact of a content unit.
CREATE TABLE core_published_artifacts (
  publication_id {{uuid}} NOT NULL REFERENCES core_publications (id) ON DELETE CASCADE,
  relative_path {{text}} NOT NULL,
  artifact_id {{uuid}} REFERENCES core_artifacts (id),
  content_id {{uuid}} REFERENCES core_contents (id),
  content_path {{text}},
  added_at {{time}} NOT NULL,
  PRIMARY KEY (publication_id, relative_path)
);

CREATE INDEX core_published_artifacts_artifact ON core_published_artifacts (artifact_id);

CREATE INDEX core_published_artifacts_content ON core_published_artifacts (content_id);

CREATE TABLE core_distributions (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  pulp_type {{text}} NOT NULL,
  name {{text}} NOT NULL,
  base_path {{text}} NOT NULL,
  content_guard_id {{uuid}},
  hidden {{bool}} NOT NULL DEFAULT FALSE,
  repository_id {{uuid}} REFERENCES core_repositories (id) ON DELETE SET NULL,
  repository_version_id {{uuid}} REFERENCES core_repository_versions (id) ON DELETE SET NULL,
  publication_id {{uuid}} REFERENCES core_publications (id) ON DELETE SET NULL,
  remote_id {{uuid}},
  checkpoint {{bool}} NOT NULL DEFAULT FALSE,
  pulp_labels {{json}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL,
  CONSTRAINT core_distributions_name UNIQUE (domain_id, name),
  CONSTRAINT core_distributions_base_path UNIQUE (domain_id, base_path)
);

CREATE INDEX core_distributions_repository ON core_distributions (repository_id);

CREATE INDEX core_distributions_version ON core_distributions (repository_version_id);

CREATE INDEX core_distributions_publication ON core_distributions (publication_id);

CREATE TABLE core_task_groups (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  description {{text}} NOT NULL,
  all_tasks_dispatched {{bool}} NOT NULL DEFAULT FALSE,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

-- seq is the order of dispatch. A task is ready when state is waiting and unblocked_at is set.
CREATE TABLE core_tasks (
  seq {{serial}},
  id {{uuid}} NOT NULL UNIQUE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  name {{text}} NOT NULL,
  state {{text}} NOT NULL,
  args {{bytes}} NOT NULL,
  logging_cid {{text}} NOT NULL,
  created_by {{int}} REFERENCES core_users (id) ON DELETE SET NULL,
  parent_task_id {{uuid}},
  task_group_id {{uuid}} REFERENCES core_task_groups (id) ON DELETE SET NULL,
  immediate {{bool}} NOT NULL DEFAULT FALSE,
  worker {{text}},
  reserved_resources {{json}} NOT NULL,
  result {{json}},
  error {{json}},
  sent_at {{time}},
  unblocked_at {{time}},
  started_at {{time}},
  finished_at {{time}},
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE INDEX core_tasks_unfinished ON core_tasks (seq) WHERE state IN ('waiting', 'running', 'canceling');

CREATE INDEX core_tasks_ready ON core_tasks (sent_at) WHERE state = 'waiting' AND unblocked_at IS NOT NULL;

CREATE INDEX core_tasks_worker ON core_tasks (worker) WHERE state IN ('running', 'canceling');

CREATE INDEX core_tasks_finished ON core_tasks (finished_at);

CREATE INDEX core_tasks_parent ON core_tasks (parent_task_id);

CREATE INDEX core_tasks_group ON core_tasks (task_group_id);

-- A lock lives as long as its task is unfinished. It is held once the task is ready: so whether a task may start is
-- answered by this table alone, through the indexes below, however many unrelated tasks there are.
CREATE TABLE core_task_locks (
  resource {{text}} NOT NULL,
  task_seq {{int}} NOT NULL REFERENCES core_tasks (seq) ON DELETE CASCADE,
  exclusive {{bool}} NOT NULL,
  held {{bool}} NOT NULL DEFAULT FALSE,
  PRIMARY KEY (resource, task_seq)
);

CREATE INDEX core_task_locks_task ON core_task_locks (task_seq);

CREATE INDEX core_task_locks_exclusive ON core_task_locks (resource, task_seq) WHERE exclusive;

CREATE INDEX core_task_locks_held ON core_task_locks (resource, exclusive) WHERE held;

CREATE INDEX core_task_locks_waiting ON core_task_locks (resource, task_seq) WHERE NOT held;

CREATE INDEX core_task_locks_next ON core_task_locks (resource, task_seq) WHERE exclusive AND NOT held;

CREATE TABLE core_progress_reports (
  id {{serial}},
  task_id {{uuid}} NOT NULL REFERENCES core_tasks (id) ON DELETE CASCADE,
  message {{text}} NOT NULL,
  code {{text}} NOT NULL,
  state {{text}} NOT NULL,
  total {{int}},
  done {{int}} NOT NULL DEFAULT 0,
  suffix {{text}}
);

CREATE INDEX core_progress_reports_task ON core_progress_reports (task_id);

-- path is the object's href without API root and domain, so that a moved root moves it too.
CREATE TABLE core_created_resources (
  id {{serial}},
  task_id {{uuid}} NOT NULL REFERENCES core_tasks (id) ON DELETE CASCADE,
  model {{text}} NOT NULL,
  object_id {{text}} NOT NULL,
  path {{text}} NOT NULL
);

CREATE INDEX core_created_resources_task ON core_created_resources (task_id);

CREATE INDEX core_created_resources_object ON core_created_resources (object_id);

CREATE TABLE core_app_statuses (
  id {{uuid}} PRIMARY KEY,
  name {{text}} NOT NULL UNIQUE,
  app_type {{text}} NOT NULL,
  versions {{json}} NOT NULL,
  ttl_seconds {{int}} NOT NULL,
  last_heartbeat {{time}} NOT NULL,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE TABLE core_outbox (
  seq {{serial}},
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  topic {{text}} NOT NULL,
  object {{text}} NOT NULL,
  payload {{json}} NOT NULL,
  created_at {{time}} NOT NULL
);
