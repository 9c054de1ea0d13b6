CREATE TABLE engage_segments (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  filter jsonb NOT NULL,
  filter_hash bytea NOT NULL,
  state text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  served integer NOT NULL,
  built_to uuid,
  cause text NOT NULL,
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
CREATE TABLE engage_segments_facts (
  workspace_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  event text COLLATE "C" NOT NULL,
  occurrences bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, contact_id, event)
) WITH (fillfactor = 70)
--engage:split
CREATE TABLE engage_segments_members (
  workspace_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  segment_id uuid NOT NULL,
  revision integer NOT NULL,
  is_member boolean NOT NULL,
  since timestamptz,
  due_at timestamptz,
  PRIMARY KEY (workspace_id, contact_id, segment_id, revision)
) WITH (fillfactor = 90)
--engage:split
CREATE INDEX engage_segments_members_segment_id_revision_ix
  ON engage_segments_members (workspace_id, segment_id, revision, is_member, contact_id)
--engage:split
CREATE INDEX engage_segments_members_due_at_ix ON engage_segments_members (workspace_id, due_at) WHERE due_at IS NOT NULL
--engage:split
CREATE TABLE engage_segments_recounts (
  workspace_id uuid NOT NULL,
  run uuid NOT NULL,
  phase text COLLATE "C" NOT NULL,
  PRIMARY KEY (workspace_id)
)
--engage:split
CREATE TABLE engage_segments_marks (
  workspace_id uuid NOT NULL,
  event_id uuid NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
)
