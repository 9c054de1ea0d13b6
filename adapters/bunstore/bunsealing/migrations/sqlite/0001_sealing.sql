CREATE TABLE engage_sealing_keys (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  number INTEGER NOT NULL,
  wrapped_by TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at INTEGER,
  wrapped_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_sealing_keys_number_ux ON engage_sealing_keys (workspace_id, number)
