CREATE TABLE engage_accounts_organizations (
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE TABLE engage_accounts_members (
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  role TEXT NOT NULL,
  joined_at INTEGER,
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT engage_accounts_members_organization_id_fk FOREIGN KEY (organization_id)
    REFERENCES engage_accounts_organizations (id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_accounts_members_user_id_organization_id_ix ON engage_accounts_members (user_id, organization_id)
--engage:split
CREATE TABLE engage_accounts_workspaces (
  id BLOB NOT NULL,
  organization_id BLOB NOT NULL,
  name TEXT NOT NULL,
  locale TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  currency TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  archived_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE INDEX engage_accounts_workspaces_organization_id_id_ix ON engage_accounts_workspaces (organization_id, id)
--engage:split
CREATE TABLE engage_accounts_settings (
  workspace_id BLOB NOT NULL,
  setting TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, setting),
  CONSTRAINT engage_accounts_settings_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE TABLE engage_accounts_users (
  id BLOB NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  name TEXT NOT NULL,
  locale TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  notifications TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  suspended_at INTEGER,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_users_email_key_ux ON engage_accounts_users (email_key)
--engage:split
CREATE TABLE engage_accounts_levels (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  permissions TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_levels_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_levels_name_key_ux ON engage_accounts_levels (workspace_id, name_key)
--engage:split
CREATE TABLE engage_accounts_access (
  workspace_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  level_id BLOB NOT NULL,
  granted_at INTEGER,
  PRIMARY KEY (workspace_id, user_id),
  CONSTRAINT engage_accounts_access_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_accounts_access_level_id_ix ON engage_accounts_access (workspace_id, level_id)
--engage:split
CREATE INDEX engage_accounts_access_user_id_workspace_id_ix ON engage_accounts_access (user_id, workspace_id)
--engage:split
CREATE TABLE engage_accounts_teams (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_teams_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_teams_name_key_ux ON engage_accounts_teams (workspace_id, name_key)
--engage:split
CREATE TABLE engage_accounts_team_members (
  workspace_id BLOB NOT NULL,
  team_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  PRIMARY KEY (workspace_id, team_id, user_id),
  CONSTRAINT engage_accounts_team_members_team_id_fk FOREIGN KEY (workspace_id, team_id)
    REFERENCES engage_accounts_teams (workspace_id, id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_accounts_team_members_user_id_team_id_ix ON engage_accounts_team_members (workspace_id, user_id, team_id)
