CREATE TABLE engage_automation_workflows (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  draft TEXT NOT NULL,
  revision INTEGER NOT NULL,
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
CREATE TABLE engage_automation_revisions (
  workspace_id BLOB NOT NULL,
  workflow_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  segment TEXT NOT NULL,
  definition TEXT NOT NULL,
  published_at INTEGER,
  PRIMARY KEY (workspace_id, workflow_id, number)
)
--engage:split
CREATE INDEX engage_automation_revisions_segment_ix ON engage_automation_revisions (workspace_id, segment, workflow_id, number)
--engage:split
CREATE TABLE engage_automation_runs (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  workflow_id BLOB NOT NULL,
  revision INTEGER NOT NULL,
  contact_id BLOB NOT NULL,
  entry_key TEXT NOT NULL,
  state TEXT NOT NULL,
  node TEXT NOT NULL,
  visits INTEGER NOT NULL,
  waited BOOLEAN NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  due_at INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  logged INTEGER NOT NULL,
  token INTEGER NOT NULL,
  claim_at INTEGER,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_automation_runs_contact_id_workflow_id_entry_key_ux ON engage_automation_runs (workspace_id, contact_id, workflow_id, entry_key)
--engage:split
CREATE INDEX engage_automation_runs_workflow_id_claim_at_ix ON engage_automation_runs (workspace_id, workflow_id, claim_at) WHERE claim_at IS NOT NULL
--engage:split
CREATE INDEX engage_automation_runs_claim_at_ix ON engage_automation_runs (claim_at, workspace_id, workflow_id) WHERE claim_at IS NOT NULL
--engage:split
CREATE TABLE engage_automation_steps (
  workspace_id BLOB NOT NULL,
  run_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  node TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cause TEXT NOT NULL,
  happened_at INTEGER,
  PRIMARY KEY (workspace_id, run_id, seq)
)
