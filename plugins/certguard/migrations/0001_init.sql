-- depends: core 0004_guards

CREATE TABLE certguard_x509_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  ca_certificate {{text}} NOT NULL
);

CREATE TABLE certguard_rhsm_guards (
  id {{uuid}} PRIMARY KEY REFERENCES core_content_guards (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL REFERENCES core_domains (id),
  ca_certificate {{text}} NOT NULL
);
