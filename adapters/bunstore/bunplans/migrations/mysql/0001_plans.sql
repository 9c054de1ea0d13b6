CREATE TABLE IF NOT EXISTS engage_accounts_subscriptions (
  workspace_id BINARY(16) NOT NULL,
  plan VARBINARY(255) NOT NULL,
  state VARBINARY(32) NOT NULL,
  anchor_day INT NOT NULL,
  time_zone VARBINARY(255) NOT NULL,
  trial_ends_at BIGINT NULL,
  ends_at BIGINT NULL,
  ref VARBINARY(255) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_usage (
  workspace_id BINARY(16) NOT NULL,
  meter VARBINARY(255) NOT NULL,
  period_start BIGINT NOT NULL,
  used BIGINT NOT NULL,
  told INT NOT NULL,
  updated_at BIGINT NULL,
  PRIMARY KEY (workspace_id, meter, period_start)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_usage_shares (
  workspace_id BINARY(16) NOT NULL,
  meter VARBINARY(255) NOT NULL,
  period_start BIGINT NOT NULL,
  used_by BINARY(16) NOT NULL,
  used BIGINT NOT NULL,
  updated_at BIGINT NULL,
  PRIMARY KEY (workspace_id, meter, period_start, used_by)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_usage_marks (
  workspace_id BINARY(16) NOT NULL,
  mark VARBINARY(255) NOT NULL,
  noted_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, mark),
  KEY engage_accounts_usage_marks_noted_at_ix (noted_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
