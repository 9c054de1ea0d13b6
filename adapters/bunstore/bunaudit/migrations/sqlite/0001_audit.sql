CREATE TABLE engage_audit_entries (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  occurred_at INTEGER,
  actor_type TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  name TEXT NOT NULL,
  subject_type TEXT NOT NULL,
  subject_id BLOB NOT NULL,
  trace TEXT NOT NULL,
  data TEXT NOT NULL,
  salt BLOB NOT NULL,
  number INTEGER,
  hash BLOB,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE INDEX engage_audit_entries_occurred_at_id_ix ON engage_audit_entries (workspace_id, occurred_at, id)
--engage:split
CREATE INDEX engage_audit_entries_actor_type_actor_id_occurred_at_id_ix ON engage_audit_entries (workspace_id, actor_type, actor_id, occurred_at, id)
--engage:split
CREATE INDEX engage_audit_entries_subject_type_subject_id_occurred_at_id_ix ON engage_audit_entries (workspace_id, subject_type, subject_id, occurred_at, id)
--engage:split
CREATE INDEX engage_audit_entries_name_occurred_at_id_ix ON engage_audit_entries (workspace_id, name, occurred_at, id)
--engage:split
CREATE INDEX engage_audit_entries_number_id_ix ON engage_audit_entries (workspace_id, number, id)
--engage:split
CREATE TABLE engage_audit_heads (
  workspace_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  sealed_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id)
)
