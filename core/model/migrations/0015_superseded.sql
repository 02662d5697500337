-- Which publications a distribution has ceased to serve, and when: for a while their files stay where they were. A row is
-- worth nothing once its publication is gone. It refers to no other table, so that nobody who publishes waits for, or fails
-- because of, somebody who deletes; rows that are too old to count are swept away. What is barred is not served: the distribution
-- had another content guard when it served that.
CREATE TABLE core_superseded (
  distribution_id {{uuid}} NOT NULL,
  publication_id {{uuid}} NOT NULL,
  superseded_at {{time}} NOT NULL,
  barred {{bool}} NOT NULL DEFAULT FALSE,
  PRIMARY KEY (distribution_id, publication_id)
);

CREATE INDEX core_superseded_newest ON core_superseded (distribution_id, superseded_at);

CREATE INDEX core_superseded_at ON core_superseded (superseded_at);
