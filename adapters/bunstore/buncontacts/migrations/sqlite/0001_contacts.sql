CREATE TABLE engage_contacts (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  state TEXT NOT NULL,
  attributes TEXT NOT NULL,
  locale TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  merged_into BLOB,
  created_at INTEGER,
  updated_at INTEGER NOT NULL,
  created_by_type TEXT NOT NULL,
  created_by_id TEXT NOT NULL,
  updated_by_type TEXT NOT NULL,
  updated_by_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_updated_at_id_ix ON engage_contacts (workspace_id, updated_at, id)
--engage:split
CREATE INDEX engage_contacts_merged_into_id_ix ON engage_contacts (workspace_id, merged_into, id) WHERE merged_into IS NOT NULL
--engage:split
CREATE TABLE engage_contacts_identities (
  workspace_id BLOB NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  contact_id BLOB NOT NULL,
  display TEXT NOT NULL,
  added_at INTEGER,
  verified_at INTEGER,
  PRIMARY KEY (workspace_id, kind, value),
  CONSTRAINT engage_contacts_identities_contact_id_fk FOREIGN KEY (workspace_id, contact_id)
    REFERENCES engage_contacts (workspace_id, id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_contacts_identities_contact_id_ix ON engage_contacts_identities (workspace_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_tags (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_contacts_tags_name_key_ux ON engage_contacts_tags (workspace_id, name_key)
--engage:split
CREATE TABLE engage_contacts_taggings (
  workspace_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  tag_id BLOB NOT NULL,
  tagged_at INTEGER,
  PRIMARY KEY (workspace_id, contact_id, tag_id)
)
--engage:split
CREATE INDEX engage_contacts_taggings_tag_id_contact_id_ix ON engage_contacts_taggings (workspace_id, tag_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_lists (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  visibility TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE TABLE engage_contacts_members (
  workspace_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  list_id BLOB NOT NULL,
  state TEXT NOT NULL,
  source TEXT NOT NULL,
  reached_at INTEGER,
  PRIMARY KEY (workspace_id, contact_id, list_id)
)
--engage:split
CREATE INDEX engage_contacts_members_list_id_contact_id_ix ON engage_contacts_members (workspace_id, list_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_attributes (
  workspace_id BLOB NOT NULL,
  object TEXT NOT NULL,
  attribute TEXT NOT NULL,
  label TEXT NOT NULL,
  type TEXT NOT NULL,
  element TEXT NOT NULL,
  options TEXT,
  created_at INTEGER,
  updated_at INTEGER,
  PRIMARY KEY (workspace_id, object, attribute)
)
--engage:split
CREATE TABLE engage_contacts_events (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  name TEXT NOT NULL,
  occurred_at INTEGER NOT NULL,
  received_at INTEGER,
  properties TEXT,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_events_contact_id_occurred_at_id_ix ON engage_contacts_events (workspace_id, contact_id, occurred_at, id)
--engage:split
CREATE INDEX engage_contacts_events_name_occurred_at_ix ON engage_contacts_events (workspace_id, name, occurred_at)
--engage:split
CREATE TABLE engage_contacts_timeline (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  kind TEXT NOT NULL,
  occurred_at INTEGER NOT NULL,
  title TEXT NOT NULL,
  data TEXT,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_timeline_contact_id_occurred_at_id_ix ON engage_contacts_timeline (workspace_id, contact_id, occurred_at, id)
