CREATE TABLE engage_accounts_keys (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  permissions jsonb,
  origins jsonb,
  digest bytea NOT NULL,
  former_digest bytea NOT NULL,
  expires_at timestamptz,
  rotated_at timestamptz,
  former_until timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  created_by_type text NOT NULL,
  created_by_id text NOT NULL,
  updated_by_type text NOT NULL,
  updated_by_id text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_keys_id_ux ON engage_accounts_keys (id)
