CREATE TABLE engage_messaging_templates (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  from_name TEXT NOT NULL,
  from_email TEXT NOT NULL,
  reply_to_name TEXT NOT NULL,
  reply_to_email TEXT NOT NULL,
  subject TEXT NOT NULL,
  body_html TEXT NOT NULL,
  body_text TEXT NOT NULL,
  missing INTEGER NOT NULL,
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
CREATE TABLE engage_messaging_messages (
  workspace_id BLOB NOT NULL,
  id BLOB NOT NULL,
  message_key TEXT NOT NULL,
  contact_id BLOB NOT NULL,
  template_id BLOB NOT NULL,
  class TEXT NOT NULL,
  data TEXT,
  state TEXT NOT NULL,
  address TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  repeats INTEGER NOT NULL,
  reason TEXT NOT NULL,
  failure TEXT NOT NULL,
  code TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  due_at INTEGER,
  planned_at INTEGER,
  intended_at INTEGER,
  settled_at INTEGER,
  token INTEGER NOT NULL,
  claim_at INTEGER,
  PRIMARY KEY (workspace_id, id)
)
--engage:split
CREATE UNIQUE INDEX engage_messaging_messages_message_key_ux ON engage_messaging_messages (workspace_id, message_key)
--engage:split
CREATE INDEX engage_messaging_messages_contact_id_id_ix ON engage_messaging_messages (workspace_id, contact_id, id)
--engage:split
CREATE INDEX engage_messaging_messages_state_claim_at_ix ON engage_messaging_messages (state, workspace_id, claim_at) WHERE claim_at IS NOT NULL
