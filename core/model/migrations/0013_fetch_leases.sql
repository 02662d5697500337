-- Which process fetches a file that is not stored yet, so that others wait for it instead of asking the upstream too. A
-- lease that has run out is anybody's, and is swept away in the end.
CREATE TABLE core_fetch_leases (
  content_id {{uuid}} NOT NULL,
  relative_path {{text}} NOT NULL,
  holder {{uuid}} NOT NULL,
  until {{time}} NOT NULL,
  PRIMARY KEY (content_id, relative_path)
);
