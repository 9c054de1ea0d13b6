CREATE TABLE engage_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  part INTEGER NOT NULL,
  pos INTEGER,
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  events INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  payload BLOB NOT NULL
)
--engage:split
CREATE UNIQUE INDEX engage_log_part_pos_ux ON engage_log (part, pos) WHERE pos IS NOT NULL
--engage:split
CREATE INDEX engage_log_part_workspace_id_seq_ix ON engage_log (part, workspace_id, seq) WHERE pos IS NULL
--engage:split
CREATE TABLE engage_log_partitions (
  part INTEGER NOT NULL PRIMARY KEY,
  last_pos INTEGER NOT NULL
)
--engage:split
INSERT INTO engage_log_partitions (part, last_pos)
WITH RECURSIVE n (part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM n WHERE part < 63)
SELECT part, 0 FROM n
--engage:split
CREATE TABLE engage_log_cursors (
  consumer TEXT NOT NULL,
  part INTEGER NOT NULL,
  pos INTEGER NOT NULL,
  owner TEXT NOT NULL,
  token INTEGER NOT NULL,
  lease_until INTEGER,
  moved_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, part)
)
--engage:split
CREATE TABLE engage_log_parked (
  consumer TEXT NOT NULL,
  event_id BLOB NOT NULL,
  workspace_id BLOB NOT NULL,
  slice_id BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  cause TEXT NOT NULL,
  token INTEGER NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (consumer, workspace_id, event_id)
)
--engage:split
CREATE INDEX engage_log_parked_consumer_not_before_ix ON engage_log_parked (consumer, not_before)
--engage:split
CREATE INDEX engage_log_parked_workspace_id_event_id_ix ON engage_log_parked (workspace_id, event_id, consumer)
--engage:split
CREATE TABLE engage_leases (
  name TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  token INTEGER NOT NULL,
  lease_until INTEGER
)
