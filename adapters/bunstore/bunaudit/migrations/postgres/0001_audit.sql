CREATE TABLE engage_audit_entries (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  occurred_at timestamptz,
  actor_type text COLLATE "C" NOT NULL,
  actor_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  subject_type text COLLATE "C" NOT NULL,
  subject_id uuid NOT NULL,
  trace text COLLATE "C" NOT NULL,
  data text NOT NULL,
  salt uuid NOT NULL,
  number bigint,
  hash bytea,
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
  workspace_id uuid NOT NULL,
  number bigint NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id)
)
