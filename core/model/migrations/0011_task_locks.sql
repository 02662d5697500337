-- The locks of a task come and go with its state, in the same transactions, and only final tasks are deleted. So nothing is
-- gained by having the database look up the task for each lock, and a good part of what a task costs.
CREATE TABLE core_task_locks_anew (
  resource {{text}} NOT NULL,
  task_seq {{int}} NOT NULL,
  exclusive {{bool}} NOT NULL,
  held {{bool}} NOT NULL DEFAULT FALSE,
  CONSTRAINT core_task_locks_key PRIMARY KEY (resource, task_seq)
);

INSERT INTO core_task_locks_anew (resource, task_seq, exclusive, held) SELECT resource, task_seq, exclusive, held FROM core_task_locks;

DROP TABLE core_task_locks;

ALTER TABLE core_task_locks_anew RENAME TO core_task_locks;

CREATE INDEX core_task_locks_task ON core_task_locks (task_seq);

CREATE INDEX core_task_locks_exclusive ON core_task_locks (resource, task_seq) WHERE exclusive;

CREATE INDEX core_task_locks_held ON core_task_locks (resource, exclusive) WHERE held;

CREATE INDEX core_task_locks_waiting ON core_task_locks (resource, task_seq) WHERE NOT held;

CREATE INDEX core_task_locks_next ON core_task_locks (resource, task_seq) WHERE exclusive AND NOT held;

-- Whether caps count the task, or it refers to something: most do neither, and then there is nothing to be removed at the end.
ALTER TABLE core_tasks ADD COLUMN extras {{bool}} NOT NULL DEFAULT TRUE;
