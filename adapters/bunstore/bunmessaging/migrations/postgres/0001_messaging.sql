CREATE TABLE engage_messaging_templates (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  from_name text NOT NULL,
  from_email text NOT NULL,
  reply_to_name text NOT NULL,
  reply_to_email text NOT NULL,
  subject text NOT NULL,
  body_html text NOT NULL,
  body_text text NOT NULL,
  missing integer NOT NULL,
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
CREATE TABLE engage_messaging_messages (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  message_key text COLLATE "C" NOT NULL,
  contact_id uuid NOT NULL,
  template_id uuid NOT NULL,
  class text COLLATE "C" NOT NULL,
  data jsonb,
  state text COLLATE "C" NOT NULL,
  address text NOT NULL,
  attempts integer NOT NULL,
  repeats integer NOT NULL,
  reason text COLLATE "C" NOT NULL,
  failure text COLLATE "C" NOT NULL,
  code text NOT NULL,
  provider_id text NOT NULL,
  due_at timestamptz,
  planned_at timestamptz,
  intended_at timestamptz,
  settled_at timestamptz,
  token bigint NOT NULL,
  claim_at timestamptz,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_messaging_messages_message_key_ux ON engage_messaging_messages (workspace_id, message_key)
--engage:split
CREATE INDEX engage_messaging_messages_contact_id_id_ix ON engage_messaging_messages (workspace_id, contact_id, id)
--engage:split
CREATE INDEX engage_messaging_messages_state_claim_at_ix ON engage_messaging_messages (state, workspace_id, claim_at) WHERE claim_at IS NOT NULL
