CREATE TABLE engage_placements (
  workspace_id BLOB NOT NULL PRIMARY KEY,
  shard TEXT NOT NULL,
  state TEXT NOT NULL,
  other TEXT NOT NULL,
  version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
)
--engage:split
CREATE INDEX engage_placements_shard_ix ON engage_placements (shard)
--engage:split
CREATE INDEX engage_placements_state_ix ON engage_placements (state, workspace_id) WHERE state <> 'home'
--engage:split
CREATE TABLE engage_stays (
  workspace_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  shard TEXT NOT NULL,
  after_pos INTEGER NOT NULL,
  last_pos INTEGER,
  PRIMARY KEY (workspace_id, version)
)
--engage:split
CREATE TABLE engage_fence (
  id INTEGER NOT NULL PRIMARY KEY,
  epoch INTEGER NOT NULL
)
--engage:split
INSERT INTO engage_fence (id, epoch) VALUES (0, 0)
--engage:split
CREATE TABLE engage_fenced (
  workspace_id BLOB NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  token INTEGER NOT NULL,
  progress TEXT NOT NULL
)
