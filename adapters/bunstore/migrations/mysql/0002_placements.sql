CREATE TABLE IF NOT EXISTS engage_placements (
  workspace_id BINARY(16) NOT NULL,
  shard VARBINARY(255) NOT NULL,
  state VARBINARY(32) NOT NULL,
  other VARBINARY(255) NOT NULL,
  version BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id),
  KEY engage_placements_shard_ix (shard),
  KEY engage_placements_state_ix (state, workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_stays (
  workspace_id BINARY(16) NOT NULL,
  version BIGINT NOT NULL,
  shard VARBINARY(255) NOT NULL,
  after_pos BIGINT NOT NULL,
  last_pos BIGINT NULL,
  PRIMARY KEY (workspace_id, version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_fence (
  id SMALLINT NOT NULL,
  epoch BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
INSERT INTO engage_fence (id, epoch) VALUES (0, 0) ON DUPLICATE KEY UPDATE epoch = epoch
--engage:split
CREATE TABLE IF NOT EXISTS engage_fenced (
  workspace_id BINARY(16) NOT NULL,
  state VARBINARY(32) NOT NULL,
  token BIGINT NOT NULL,
  progress MEDIUMTEXT NOT NULL,
  PRIMARY KEY (workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
