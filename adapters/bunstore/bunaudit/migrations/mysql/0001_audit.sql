CREATE TABLE IF NOT EXISTS engage_audit_entries (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  occurred_at BIGINT NULL,
  actor_type VARBINARY(255) NOT NULL,
  actor_id VARBINARY(255) NOT NULL,
  name VARBINARY(255) NOT NULL,
  subject_type VARBINARY(255) NOT NULL,
  subject_id BINARY(16) NOT NULL,
  trace VARBINARY(255) NOT NULL,
  data LONGTEXT NOT NULL,
  salt BINARY(16) NOT NULL,
  number BIGINT NULL,
  hash BINARY(32) NULL,
  PRIMARY KEY (workspace_id, id),
  KEY engage_audit_entries_occurred_at_id_ix (workspace_id, occurred_at, id),
  KEY engage_audit_entries_actor_type_actor_id_occurred_at_id_ix (workspace_id, actor_type, actor_id, occurred_at, id),
  KEY engage_audit_entries_subject_type_subject_id_occurred_at_id_ix (workspace_id, subject_type, subject_id, occurred_at, id),
  KEY engage_audit_entries_name_occurred_at_id_ix (workspace_id, name, occurred_at, id),
  KEY engage_audit_entries_number_id_ix (workspace_id, number, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_audit_heads (
  workspace_id BINARY(16) NOT NULL,
  number BIGINT NOT NULL,
  hash BINARY(32) NOT NULL,
  sealed_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
