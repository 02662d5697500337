-- Who a user is elsewhere. A person who logs in with an OpenID Connect provider is known by the provider's word for the
-- person, never by name or address, for these can be given to somebody else there. The issuer is part of the key: when
-- a provider's settings point to another one, its persons are not taken for those of the first.
CREATE TABLE core_user_identities (
  provider {{text}} NOT NULL,
  issuer {{text}} NOT NULL,
  subject {{text}} NOT NULL,
  user_id {{int}} NOT NULL REFERENCES core_users (id) ON DELETE CASCADE,
  pulp_created {{time}} NOT NULL,
  PRIMARY KEY (provider, issuer, subject)
);

CREATE INDEX core_user_identities_user ON core_user_identities (user_id);
