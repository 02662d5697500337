-- The stamp changes with the description of a domain's storage: whoever opened the storage earlier notices by it.
ALTER TABLE core_domains ADD COLUMN storage_stamp {{text}} NOT NULL DEFAULT '';

-- What of the storage's description is no secret, null for the default domain; storage_settings has the rest, sealed.
ALTER TABLE core_domains ADD COLUMN storage_options {{json}};

-- What a migration of a domain to another storage has copied and verified, so that one that was cut off goes on where it
-- was. place is the digest of where the bytes are now.
CREATE TABLE core_migrated_artifacts (
  artifact_id {{uuid}} NOT NULL REFERENCES core_artifacts (id) ON DELETE CASCADE,
  place {{text}} NOT NULL,
  PRIMARY KEY (artifact_id, place)
);

-- The same of a chunk of an upload; file is its key there.
CREATE TABLE core_migrated_chunks (
  upload_id {{uuid}} NOT NULL,
  chunk_offset {{int}} NOT NULL,
  place {{text}} NOT NULL,
  sha256 {{text}} NOT NULL,
  file {{text}} NOT NULL,
  PRIMARY KEY (upload_id, chunk_offset, place),
  FOREIGN KEY (upload_id, chunk_offset) REFERENCES core_upload_chunks (upload_id, chunk_offset) ON DELETE CASCADE
);
