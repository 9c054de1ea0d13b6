CREATE TABLE engage_accounts_keys (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  permissions TEXT,
  origins TEXT,
  digest BLOB NOT NULL,
  former_digest BLOB NOT NULL,
  expires_at INTEGER,
  rotated_at INTEGER,
  former_until INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER,
  created_at INTEGER,
  updated_at INTEGER,
  created_by_type TEXT NOT NULL,
  created_by_id TEXT NOT NULL,
  updated_by_type TEXT NOT NULL,
  updated_by_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_accounts_keys_id_ux ON engage_accounts_keys (id)
