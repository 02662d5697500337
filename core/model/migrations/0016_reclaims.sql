-- How often files of a domain were given back that can be fetched again, so that whoever remembers where they are looks anew.
ALTER TABLE core_domains ADD COLUMN reclaims {{int}} NOT NULL DEFAULT 0;
