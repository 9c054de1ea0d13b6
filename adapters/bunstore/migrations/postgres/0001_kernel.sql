CREATE TABLE engage_log (
  seq bigint GENERATED ALWAYS AS IDENTITY,
  part smallint NOT NULL,
  pos bigint,
  workspace_id uuid NOT NULL,
  id uuid NOT NULL PRIMARY KEY,
  events integer NOT NULL,
  created_at timestamptz NOT NULL,
  payload bytea NOT NULL
)
--engage:split
ALTER TABLE engage_log ALTER COLUMN payload SET STORAGE EXTERNAL
--engage:split
CREATE UNIQUE INDEX engage_log_part_pos_ux ON engage_log (part, pos) WHERE pos IS NOT NULL
--engage:split
CREATE INDEX engage_log_part_workspace_id_seq_ix ON engage_log (part, workspace_id, seq) WHERE pos IS NULL
--engage:split
CREATE TABLE engage_log_partitions (
  part smallint NOT NULL PRIMARY KEY,
  last_pos bigint NOT NULL
) WITH (fillfactor = 50)
--engage:split
INSERT INTO engage_log_partitions (part, last_pos) SELECT part, 0 FROM generate_series(0, 63) AS n (part)
--engage:split
CREATE TABLE engage_log_cursors (
  consumer text COLLATE "C" NOT NULL,
  part smallint NOT NULL,
  pos bigint NOT NULL,
  owner text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  lease_until timestamptz,
  moved_at timestamptz NOT NULL,
  PRIMARY KEY (consumer, part)
) WITH (fillfactor = 50)
--engage:split
CREATE TABLE engage_log_parked (
  consumer text COLLATE "C" NOT NULL,
  event_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  slice_id uuid NOT NULL,
  attempts integer NOT NULL,
  not_before timestamptz NOT NULL,
  cause text NOT NULL,
  token bigint NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (consumer, workspace_id, event_id)
)
--engage:split
CREATE INDEX engage_log_parked_consumer_not_before_ix ON engage_log_parked (consumer, not_before)
--engage:split
CREATE INDEX engage_log_parked_workspace_id_event_id_ix ON engage_log_parked (workspace_id, event_id, consumer)
--engage:split
CREATE TABLE engage_leases (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  lease_until timestamptz
) WITH (fillfactor = 50)
