CREATE TABLE IF NOT EXISTS engage_automation_workflows (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(255) NOT NULL,
  state VARBINARY(32) NOT NULL,
  draft LONGTEXT NOT NULL CHECK (json_valid(draft)),
  revision INT NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  created_by_type VARBINARY(255) NOT NULL,
  created_by_id VARBINARY(255) NOT NULL,
  updated_by_type VARBINARY(255) NOT NULL,
  updated_by_id VARBINARY(255) NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_automation_revisions (
  workspace_id BINARY(16) NOT NULL,
  workflow_id BINARY(16) NOT NULL,
  number INT NOT NULL,
  segment VARBINARY(255) NOT NULL,
  definition LONGTEXT NOT NULL CHECK (json_valid(definition)),
  published_at BIGINT NULL,
  PRIMARY KEY (workspace_id, workflow_id, number),
  KEY engage_automation_revisions_segment_ix (workspace_id, segment, workflow_id, number)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_automation_runs (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  workflow_id BINARY(16) NOT NULL,
  revision INT NOT NULL,
  contact_id BINARY(16) NOT NULL,
  entry_key VARBINARY(255) NOT NULL,
  state VARBINARY(32) NOT NULL,
  node VARBINARY(255) NOT NULL,
  visits INT NOT NULL,
  waited BOOLEAN NOT NULL,
  attempts INT NOT NULL,
  last_error TEXT NOT NULL,
  due_at BIGINT NULL,
  started_at BIGINT NULL,
  ended_at BIGINT NULL,
  logged INT NOT NULL,
  token BIGINT NOT NULL,
  claim_at BIGINT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE KEY engage_automation_runs_contact_id_workflow_id_entry_key_ux (workspace_id, contact_id, workflow_id, entry_key),
  KEY engage_automation_runs_workflow_id_claim_at_ix (workspace_id, workflow_id, claim_at),
  KEY engage_automation_runs_claim_at_ix (claim_at, workspace_id, workflow_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_automation_steps (
  workspace_id BINARY(16) NOT NULL,
  run_id BINARY(16) NOT NULL,
  seq INT NOT NULL,
  node VARBINARY(255) NOT NULL,
  outcome VARBINARY(32) NOT NULL,
  cause TEXT NOT NULL,
  happened_at BIGINT NULL,
  PRIMARY KEY (workspace_id, run_id, seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
