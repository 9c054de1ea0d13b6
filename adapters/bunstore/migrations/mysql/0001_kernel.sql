CREATE TABLE IF NOT EXISTS engage_log (
  seq BIGINT NOT NULL AUTO_INCREMENT,
  part SMALLINT NOT NULL,
  pos BIGINT NULL,
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  events INT NOT NULL,
  created_at BIGINT NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE KEY engage_log_part_pos_ux (part, pos),
  KEY engage_log_part_pos_workspace_id_ix (part, pos, workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_log_partitions (
  part SMALLINT NOT NULL,
  last_pos BIGINT NOT NULL,
  PRIMARY KEY (part)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
INSERT INTO engage_log_partitions (part, last_pos)
WITH RECURSIVE n (part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM n WHERE part < 63)
SELECT part, 0 FROM n
ON DUPLICATE KEY UPDATE last_pos = last_pos
--engage:split
CREATE TABLE IF NOT EXISTS engage_log_cursors (
  consumer VARBINARY(255) NOT NULL,
  part SMALLINT NOT NULL,
  pos BIGINT NOT NULL,
  owner VARBINARY(255) NOT NULL,
  token BIGINT NOT NULL,
  lease_until BIGINT NULL,
  moved_at BIGINT NOT NULL,
  PRIMARY KEY (consumer, part)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_log_parked (
  consumer VARBINARY(255) NOT NULL,
  event_id BINARY(16) NOT NULL,
  workspace_id BINARY(16) NOT NULL,
  slice_id BINARY(16) NOT NULL,
  attempts INT NOT NULL,
  not_before BIGINT NOT NULL,
  cause TEXT NOT NULL,
  token BIGINT NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  PRIMARY KEY (consumer, workspace_id, event_id),
  KEY engage_log_parked_consumer_not_before_ix (consumer, not_before),
  KEY engage_log_parked_workspace_id_event_id_ix (workspace_id, event_id, consumer)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_leases (
  name VARBINARY(255) NOT NULL,
  owner VARBINARY(255) NOT NULL,
  token BIGINT NOT NULL,
  lease_until BIGINT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
