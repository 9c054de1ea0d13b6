CREATE TABLE engage_segments (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  filter TEXT NOT NULL,
  filter_hash BLOB NOT NULL,
  state TEXT NOT NULL,
  revision INTEGER NOT NULL,
  served INTEGER NOT NULL,
  built_to BLOB,
  cause TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  created_by_type TEXT NOT NULL,
  created_by_id TEXT NOT NULL,
  updated_by_type TEXT NOT NULL,
  updated_by_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE TABLE engage_segments_facts (
  workspace_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  event TEXT NOT NULL,
  occurrences INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, contact_id, event)
)
--engage:split
CREATE TABLE engage_segments_members (
  workspace_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  segment_id BLOB NOT NULL,
  revision INTEGER NOT NULL,
  is_member INTEGER NOT NULL,
  since INTEGER,
  due_at INTEGER,
  PRIMARY KEY (workspace_id, contact_id, segment_id, revision)
)
--engage:split
CREATE INDEX engage_segments_members_segment_id_revision_ix
  ON engage_segments_members (workspace_id, segment_id, revision, is_member, contact_id)
--engage:split
CREATE INDEX engage_segments_members_due_at_ix ON engage_segments_members (workspace_id, due_at) WHERE due_at IS NOT NULL
--engage:split
CREATE TABLE engage_segments_recounts (
  workspace_id BLOB NOT NULL,
  run BLOB NOT NULL,
  phase TEXT NOT NULL,
  PRIMARY KEY (workspace_id)
)
--engage:split
CREATE TABLE engage_segments_marks (
  workspace_id BLOB NOT NULL,
  event_id BLOB NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
)
