CREATE TABLE engage_automation_workflows (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  state text COLLATE "C" NOT NULL,
  draft text NOT NULL,
  revision integer NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  created_by_type text NOT NULL,
  created_by_id text NOT NULL,
  updated_by_type text NOT NULL,
  updated_by_id text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE TABLE engage_automation_revisions (
  workspace_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  number integer NOT NULL,
  segment text COLLATE "C" NOT NULL,
  definition text NOT NULL,
  published_at timestamptz,
  PRIMARY KEY (workspace_id, workflow_id, number)
)
--engage:split
CREATE INDEX engage_automation_revisions_segment_ix ON engage_automation_revisions (workspace_id, segment, workflow_id, number)
--engage:split
CREATE TABLE engage_automation_runs (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  revision integer NOT NULL,
  contact_id uuid NOT NULL,
  entry_key text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  visits integer NOT NULL,
  waited boolean NOT NULL,
  attempts integer NOT NULL,
  last_error text NOT NULL,
  due_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  logged integer NOT NULL,
  token bigint NOT NULL,
  claim_at timestamptz,
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
  workspace_id uuid NOT NULL,
  run_id uuid NOT NULL,
  seq integer NOT NULL,
  node text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  cause text NOT NULL,
  happened_at timestamptz,
  PRIMARY KEY (workspace_id, run_id, seq)
)
