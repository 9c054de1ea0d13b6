CREATE TABLE IF NOT EXISTS engage_accounts_organizations (
  id BINARY(16) NOT NULL,
  name VARBINARY(1200) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_members (
  organization_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  role VARBINARY(64) NOT NULL,
  joined_at BIGINT NULL,
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT engage_accounts_members_organization_id_fk FOREIGN KEY (organization_id)
    REFERENCES engage_accounts_organizations (id) ON DELETE CASCADE,
  KEY engage_accounts_members_user_id_organization_id_ix (user_id, organization_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_workspaces (
  id BINARY(16) NOT NULL,
  organization_id BINARY(16) NOT NULL,
  name VARBINARY(1200) NOT NULL,
  locale VARBINARY(64) NOT NULL,
  time_zone VARBINARY(64) NOT NULL,
  currency VARBINARY(64) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  archived_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY engage_accounts_workspaces_organization_id_id_ix (organization_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_settings (
  workspace_id BINARY(16) NOT NULL,
  setting VARBINARY(255) NOT NULL,
  value LONGTEXT NOT NULL CHECK (json_valid(value)),
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, setting),
  CONSTRAINT engage_accounts_settings_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_users (
  id BINARY(16) NOT NULL,
  email VARBINARY(1200) NOT NULL,
  email_key VARBINARY(255) NOT NULL,
  name VARBINARY(1200) NOT NULL,
  locale VARBINARY(64) NOT NULL,
  time_zone VARBINARY(64) NOT NULL,
  notifications LONGTEXT NOT NULL CHECK (json_valid(notifications)),
  epoch BIGINT NOT NULL,
  suspended_at BIGINT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY engage_accounts_users_email_key_ux (email_key)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_levels (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(1200) NOT NULL,
  name_key VARBINARY(255) NOT NULL,
  permissions LONGTEXT NOT NULL CHECK (json_valid(permissions)),
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_levels_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE,
  UNIQUE KEY engage_accounts_levels_name_key_ux (workspace_id, name_key)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_access (
  workspace_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  level_id BINARY(16) NOT NULL,
  granted_at BIGINT NULL,
  PRIMARY KEY (workspace_id, user_id),
  CONSTRAINT engage_accounts_access_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE,
  KEY engage_accounts_access_level_id_ix (workspace_id, level_id),
  KEY engage_accounts_access_user_id_workspace_id_ix (user_id, workspace_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_teams (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(1200) NOT NULL,
  name_key VARBINARY(255) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_teams_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE,
  UNIQUE KEY engage_accounts_teams_name_key_ux (workspace_id, name_key)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_accounts_team_members (
  workspace_id BINARY(16) NOT NULL,
  team_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  PRIMARY KEY (workspace_id, team_id, user_id),
  CONSTRAINT engage_accounts_team_members_team_id_fk FOREIGN KEY (workspace_id, team_id)
    REFERENCES engage_accounts_teams (workspace_id, id) ON DELETE CASCADE,
  KEY engage_accounts_team_members_user_id_team_id_ix (workspace_id, user_id, team_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
