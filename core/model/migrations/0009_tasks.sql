-- What makes tasks fair, explains them, and lets them be scheduled.

-- A ready task has a turn: workers take the lowest. Flow is who it is for, weight how far it moves that flow's next
-- turn, lane 1 is work that may take long, 0 all other. A task whose resources are free and that a cap keeps back has
-- unblocked_at but no turn. Trace is the W3C trace context of the request, diagnostics what was asked to be recorded,
-- cancel_by when a cancel is forced.
ALTER TABLE core_tasks ADD COLUMN flow {{text}} NOT NULL DEFAULT '';

ALTER TABLE core_tasks ADD COLUMN weight {{int}} NOT NULL DEFAULT 4;

ALTER TABLE core_tasks ADD COLUMN lane {{int}} NOT NULL DEFAULT 0;

ALTER TABLE core_tasks ADD COLUMN turn {{int}};

ALTER TABLE core_tasks ADD COLUMN trace {{text}} NOT NULL DEFAULT '';

ALTER TABLE core_tasks ADD COLUMN diagnostics {{json}};

ALTER TABLE core_tasks ADD COLUMN cancel_by {{time}};

CREATE INDEX core_tasks_claimable ON core_tasks (lane, turn, seq) WHERE state = 'waiting' AND turn IS NOT NULL;

CREATE INDEX core_tasks_flow ON core_tasks (flow, lane, turn) WHERE state IN ('waiting', 'running', 'canceling') AND turn IS NOT NULL;

-- Most tasks have no parent, no group and no end yet: what a task costs is mostly what its indexes cost.
DROP INDEX core_tasks_parent;

CREATE INDEX core_tasks_parent ON core_tasks (parent_task_id) WHERE parent_task_id IS NOT NULL;

DROP INDEX core_tasks_group;

CREATE INDEX core_tasks_group ON core_tasks (task_group_id) WHERE task_group_id IS NOT NULL;

DROP INDEX core_tasks_creator;

CREATE INDEX core_tasks_creator ON core_tasks (created_by, id) WHERE created_by IS NOT NULL;

DROP INDEX core_tasks_finished;

CREATE INDEX core_tasks_finished ON core_tasks (finished_at) WHERE finished_at IS NOT NULL;

-- The caps that count a task, from its dispatch to its end. Stage 0 waits for resources, 1 for the cap, 2 is admitted.
CREATE TABLE core_task_caps (
  cap {{text}} NOT NULL,
  task_seq {{int}} NOT NULL REFERENCES core_tasks (seq) ON DELETE CASCADE,
  stage {{int}} NOT NULL DEFAULT 0,
  PRIMARY KEY (cap, task_seq)
);

CREATE INDEX core_task_caps_task ON core_task_caps (task_seq);

CREATE INDEX core_task_caps_stage ON core_task_caps (cap, stage, task_seq);

-- What an unfinished task needs that nothing else may refer to yet: artifacts and content, which clean-ups leave then.
CREATE TABLE core_task_references (
  task_seq {{int}} NOT NULL REFERENCES core_tasks (seq) ON DELETE CASCADE,
  object_id {{uuid}} NOT NULL,
  PRIMARY KEY (task_seq, object_id)
);

CREATE INDEX core_task_references_object ON core_task_references (object_id);

-- At most that many tasks of a group run at a time; 0 is no limit.
ALTER TABLE core_task_groups ADD COLUMN at_most {{int}} NOT NULL DEFAULT 0;

-- What is dispatched into a canceled group is canceled too.
ALTER TABLE core_task_groups ADD COLUMN canceled {{bool}} NOT NULL DEFAULT FALSE;

-- Counted inside the database, by all tasks of the group at once.
CREATE TABLE core_group_progress_reports (
  id {{serial}},
  task_group_id {{uuid}} NOT NULL REFERENCES core_task_groups (id) ON DELETE CASCADE,
  message {{text}} NOT NULL,
  code {{text}} NOT NULL,
  total {{int}},
  done {{int}} NOT NULL DEFAULT 0,
  suffix {{text}},
  began_at {{time}} NOT NULL,
  changed_at {{time}} NOT NULL,
  CONSTRAINT core_group_progress_reports_code UNIQUE (task_group_id, code)
);

ALTER TABLE core_progress_reports ADD COLUMN began_at {{time}};

ALTER TABLE core_progress_reports ADD COLUMN changed_at {{time}};

-- What a task said while it ran, in the order of id.
CREATE TABLE core_task_logs (
  id {{serial}},
  task_id {{uuid}} NOT NULL REFERENCES core_tasks (id) ON DELETE CASCADE,
  at {{time}} NOT NULL,
  level {{text}} NOT NULL,
  message {{text}} NOT NULL,
  attributes {{json}}
);

CREATE INDEX core_task_logs_task ON core_task_logs (task_id, id);

-- What was recorded of a task on request; the bytes are an artifact.
CREATE TABLE core_task_profiles (
  task_id {{uuid}} NOT NULL REFERENCES core_tasks (id) ON DELETE CASCADE,
  name {{text}} NOT NULL,
  artifact_id {{uuid}} NOT NULL REFERENCES core_artifacts (id),
  PRIMARY KEY (task_id, name)
);

CREATE INDEX core_task_profiles_artifact ON core_task_profiles (artifact_id);

-- When what is dispatched again and again. Either cron, in time_zone, or dispatch_interval in microseconds, or neither:
-- then once. Origin is the label of the app that declares it; empty is an operator.
CREATE TABLE core_task_schedules (
  id {{uuid}} PRIMARY KEY,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  name {{text}} NOT NULL UNIQUE,
  origin {{text}} NOT NULL DEFAULT '',
  task_name {{text}} NOT NULL,
  args {{bytes}} NOT NULL,
  cron {{text}} NOT NULL DEFAULT '',
  time_zone {{text}} NOT NULL DEFAULT 'UTC',
  dispatch_interval {{int}},
  next_dispatch {{time}},
  last_task_id {{uuid}},
  missed {{int}} NOT NULL DEFAULT 0,
  pulp_created {{time}} NOT NULL,
  pulp_last_updated {{time}} NOT NULL
);

CREATE INDEX core_task_schedules_due ON core_task_schedules (next_dispatch);

-- What a process serves, for those who ask why a task does not start.
ALTER TABLE core_app_statuses ADD COLUMN concurrency {{int}} NOT NULL DEFAULT 0;

ALTER TABLE core_app_statuses ADD COLUMN kinds {{json}};
