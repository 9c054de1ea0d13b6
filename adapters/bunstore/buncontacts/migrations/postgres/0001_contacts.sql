CREATE TABLE engage_contacts (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  state text COLLATE "C" NOT NULL,
  attributes jsonb NOT NULL,
  locale text NOT NULL,
  time_zone text NOT NULL,
  merged_into uuid,
  created_at timestamptz,
  updated_at timestamptz NOT NULL,
  created_by_type text NOT NULL,
  created_by_id text NOT NULL,
  updated_by_type text NOT NULL,
  updated_by_id text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_updated_at_id_ix ON engage_contacts (workspace_id, updated_at, id)
--engage:split
CREATE INDEX engage_contacts_merged_into_id_ix ON engage_contacts (workspace_id, merged_into, id) WHERE merged_into IS NOT NULL
--engage:split
CREATE TABLE engage_contacts_identities (
  workspace_id uuid NOT NULL,
  kind text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  contact_id uuid NOT NULL,
  display text NOT NULL,
  added_at timestamptz,
  verified_at timestamptz,
  PRIMARY KEY (workspace_id, kind, value),
  CONSTRAINT engage_contacts_identities_contact_id_fk FOREIGN KEY (workspace_id, contact_id)
    REFERENCES engage_contacts (workspace_id, id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_contacts_identities_contact_id_ix ON engage_contacts_identities (workspace_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_tags (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  name_key text COLLATE "C" NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_contacts_tags_name_key_ux ON engage_contacts_tags (workspace_id, name_key)
--engage:split
CREATE TABLE engage_contacts_taggings (
  workspace_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  tagged_at timestamptz,
  PRIMARY KEY (workspace_id, contact_id, tag_id)
)
--engage:split
CREATE INDEX engage_contacts_taggings_tag_id_contact_id_ix ON engage_contacts_taggings (workspace_id, tag_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_lists (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  visibility text COLLATE "C" NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE TABLE engage_contacts_members (
  workspace_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  list_id uuid NOT NULL,
  state text COLLATE "C" NOT NULL,
  source text NOT NULL,
  reached_at timestamptz,
  PRIMARY KEY (workspace_id, contact_id, list_id)
)
--engage:split
CREATE INDEX engage_contacts_members_list_id_contact_id_ix ON engage_contacts_members (workspace_id, list_id, contact_id)
--engage:split
CREATE TABLE engage_contacts_attributes (
  workspace_id uuid NOT NULL,
  object text COLLATE "C" NOT NULL,
  attribute text COLLATE "C" NOT NULL,
  label text NOT NULL,
  type text COLLATE "C" NOT NULL,
  element text COLLATE "C" NOT NULL,
  options jsonb,
  created_at timestamptz,
  updated_at timestamptz,
  PRIMARY KEY (workspace_id, object, attribute)
)
--engage:split
CREATE TABLE engage_contacts_events (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  contact_id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  occurred_at timestamptz NOT NULL,
  received_at timestamptz,
  properties jsonb,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_events_contact_id_occurred_at_id_ix ON engage_contacts_events (workspace_id, contact_id, occurred_at, id)
--engage:split
CREATE INDEX engage_contacts_events_name_occurred_at_ix ON engage_contacts_events (workspace_id, name, occurred_at)
--engage:split
CREATE TABLE engage_contacts_timeline (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  contact_id uuid NOT NULL,
  kind text COLLATE "C" NOT NULL,
  occurred_at timestamptz NOT NULL,
  title text NOT NULL,
  data jsonb,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_contacts_timeline_contact_id_occurred_at_id_ix ON engage_contacts_timeline (workspace_id, contact_id, occurred_at, id)
