CREATE TABLE IF NOT EXISTS engage_sealing_keys (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  number INT NOT NULL,
  wrapped_by VARBINARY(255) NOT NULL,
  wrapped BLOB NOT NULL,
  created_at BIGINT NULL,
  wrapped_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE KEY engage_sealing_keys_number_ux (workspace_id, number)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
