-- What a distribution that has a remote knows of a path: the unit of content that the upstream's file became, or that the
-- upstream has no such file (content_id is NULL then). All processes share it. A row counts for the remote and the URL that
-- it was made for. It goes with its distribution, and with its unit, which a clean-up may take where no repository has it.
CREATE TABLE core_pulls (
  distribution_id {{uuid}} NOT NULL REFERENCES core_distributions (id) ON DELETE CASCADE,
  path {{text}} NOT NULL,
  remote_id {{uuid}} NOT NULL,
  url {{text}} NOT NULL,
  content_id {{uuid}} REFERENCES core_contents (id) ON DELETE CASCADE,
  content_path {{text}},
  etag {{text}},
  last_modified {{text}},
  pulled_at {{time}},
  checked_at {{time}} NOT NULL,
  -- The unit is still to be added to the repository of the distribution.
  waiting {{bool}} NOT NULL DEFAULT FALSE,
  -- The repository cannot have the unit, because its path runs through another one's.
  refused {{bool}} NOT NULL DEFAULT FALSE,
  PRIMARY KEY (distribution_id, path)
);

CREATE INDEX core_pulls_content ON core_pulls (content_id);

CREATE INDEX core_pulls_remote ON core_pulls (remote_id);

CREATE INDEX core_pulls_waiting ON core_pulls (distribution_id) WHERE waiting;

CREATE INDEX core_pulls_missing ON core_pulls (checked_at) WHERE content_id IS NULL;

-- The task that is going to add what was pulled to a repository. It takes the row away before it looks what there is to
-- add; whoever pulls something afterwards dispatches another one. It refers to no other table, so that nobody who pulls waits
-- for who makes a version.
CREATE TABLE core_pull_tasks (
  repository_id {{uuid}} PRIMARY KEY,
  task_id {{uuid}}
);
