CREATE TABLE engage_placements (
  workspace_id uuid NOT NULL PRIMARY KEY,
  shard text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  other text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  changed_at timestamptz NOT NULL
)
--engage:split
CREATE INDEX engage_placements_shard_ix ON engage_placements (shard)
--engage:split
CREATE INDEX engage_placements_state_ix ON engage_placements (state, workspace_id) WHERE state <> 'home'
--engage:split
CREATE TABLE engage_stays (
  workspace_id uuid NOT NULL,
  version bigint NOT NULL,
  shard text COLLATE "C" NOT NULL,
  after_pos bigint NOT NULL,
  last_pos bigint,
  PRIMARY KEY (workspace_id, version)
)
--engage:split
CREATE TABLE engage_fence (
  id smallint NOT NULL PRIMARY KEY,
  epoch bigint NOT NULL
) WITH (fillfactor = 50)
--engage:split
INSERT INTO engage_fence (id, epoch) VALUES (0, 0)
--engage:split
CREATE TABLE engage_fenced (
  workspace_id uuid NOT NULL PRIMARY KEY,
  state text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  progress text NOT NULL
)
