CREATE TABLE IF NOT EXISTS engage_segments (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(255) NOT NULL,
  filter LONGTEXT NOT NULL CHECK (json_valid(filter)),
  filter_hash BINARY(32) NOT NULL,
  state VARBINARY(32) NOT NULL,
  revision INT NOT NULL,
  served INT NOT NULL,
  built_to BINARY(16) NULL,
  cause VARBINARY(255) NOT NULL,
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
CREATE TABLE IF NOT EXISTS engage_segments_facts (
  workspace_id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  event VARBINARY(255) NOT NULL,
  occurrences BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, contact_id, event)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_segments_members (
  workspace_id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  segment_id BINARY(16) NOT NULL,
  revision INT NOT NULL,
  is_member TINYINT NOT NULL,
  since BIGINT NULL,
  due_at BIGINT NULL,
  PRIMARY KEY (workspace_id, contact_id, segment_id, revision),
  KEY engage_segments_members_segment_id_revision_ix (workspace_id, segment_id, revision, is_member, contact_id),
  KEY engage_segments_members_due_at_ix (workspace_id, due_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_segments_recounts (
  workspace_id BINARY(16) NOT NULL,
  run BINARY(16) NOT NULL,
  phase VARBINARY(32) NOT NULL,
  PRIMARY KEY (workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_segments_marks (
  workspace_id BINARY(16) NOT NULL,
  event_id BINARY(16) NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
