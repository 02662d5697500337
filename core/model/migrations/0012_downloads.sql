-- The day (its midnight, UTC) on which a unit of content was last served. It is a table of its own, because the rows of
-- content are wide and do not change otherwise.
CREATE TABLE core_content_downloads (
  content_id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE,
  last_downloaded {{time}} NOT NULL
){{if postgres}} WITH (fillfactor = 80){{end}};
