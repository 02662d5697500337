-- How many of its places a worker keeps free of long work; NULL where that was not told.
ALTER TABLE core_app_statuses ADD COLUMN short_places {{int}};

-- Who asked for the cancel of a running task, for the log that the process keeps which runs it.
ALTER TABLE core_tasks ADD COLUMN canceled_by {{text}};
