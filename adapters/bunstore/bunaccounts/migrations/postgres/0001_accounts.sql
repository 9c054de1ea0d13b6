CREATE TABLE engage_accounts_organizations (
  id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE TABLE engage_accounts_members (
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  role text COLLATE "C" NOT NULL,
  joined_at timestamptz,
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT engage_accounts_members_organization_id_fk FOREIGN KEY (organization_id)
    REFERENCES engage_accounts_organizations (id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_accounts_members_user_id_organization_id_ix ON engage_accounts_members (user_id, organization_id)
--engage:split
CREATE TABLE engage_accounts_workspaces (
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  name text NOT NULL,
  locale text COLLATE "C" NOT NULL,
  time_zone text COLLATE "C" NOT NULL,
  currency text COLLATE "C" NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  archived_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE INDEX engage_accounts_workspaces_organization_id_id_ix ON engage_accounts_workspaces (organization_id, id)
--engage:split
CREATE TABLE engage_accounts_settings (
  workspace_id uuid NOT NULL,
  setting text COLLATE "C" NOT NULL,
  value jsonb NOT NULL,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, setting),
  CONSTRAINT engage_accounts_settings_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE TABLE engage_accounts_users (
  id uuid NOT NULL,
  email text NOT NULL,
  email_key text COLLATE "C" NOT NULL,
  name text NOT NULL,
  locale text COLLATE "C" NOT NULL,
  time_zone text COLLATE "C" NOT NULL,
  notifications jsonb NOT NULL,
  epoch bigint NOT NULL,
  suspended_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (id)
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_users_email_key_ux ON engage_accounts_users (email_key)
--engage:split
CREATE TABLE engage_accounts_levels (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  name_key text COLLATE "C" NOT NULL,
  permissions jsonb NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_levels_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_levels_name_key_ux ON engage_accounts_levels (workspace_id, name_key)
--engage:split
CREATE TABLE engage_accounts_access (
  workspace_id uuid NOT NULL,
  user_id uuid NOT NULL,
  level_id uuid NOT NULL,
  granted_at timestamptz,
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
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  name_key text COLLATE "C" NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT engage_accounts_teams_workspace_id_fk FOREIGN KEY (workspace_id)
    REFERENCES engage_accounts_workspaces (id) ON DELETE CASCADE
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_teams_name_key_ux ON engage_accounts_teams (workspace_id, name_key)
--engage:split
CREATE TABLE engage_accounts_team_members (
  workspace_id uuid NOT NULL,
  team_id uuid NOT NULL,
  user_id uuid NOT NULL,
  PRIMARY KEY (workspace_id, team_id, user_id),
  CONSTRAINT engage_accounts_team_members_team_id_fk FOREIGN KEY (workspace_id, team_id)
    REFERENCES engage_accounts_teams (workspace_id, id) ON DELETE CASCADE
)
--engage:split
CREATE INDEX engage_accounts_team_members_user_id_team_id_ix ON engage_accounts_team_members (workspace_id, user_id, team_id)
