CREATE TABLE engage_sealing_keys (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  number integer NOT NULL,
  wrapped_by text COLLATE "C" NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz,
  wrapped_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_sealing_keys_number_ux ON engage_sealing_keys (workspace_id, number)
