CREATE TABLE engage_accounts_subscriptions (
  workspace_id BLOB NOT NULL,
  plan TEXT NOT NULL,
  state TEXT NOT NULL,
  anchor_day INTEGER NOT NULL,
  time_zone TEXT NOT NULL,
  trial_ends_at INTEGER,
  ends_at INTEGER,
  ref TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (workspace_id)
)
--engage:split
CREATE TABLE engage_accounts_usage (
  workspace_id BLOB NOT NULL,
  meter TEXT NOT NULL,
  period_start INTEGER NOT NULL,
  used INTEGER NOT NULL,
  told INTEGER NOT NULL,
  updated_at INTEGER,
  PRIMARY KEY (workspace_id, meter, period_start)
)
--engage:split
CREATE TABLE engage_accounts_usage_shares (
  workspace_id BLOB NOT NULL,
  meter TEXT NOT NULL,
  period_start INTEGER NOT NULL,
  used_by BLOB NOT NULL,
  used INTEGER NOT NULL,
  updated_at INTEGER,
  PRIMARY KEY (workspace_id, meter, period_start, used_by)
)
--engage:split
CREATE TABLE engage_accounts_usage_marks (
  workspace_id BLOB NOT NULL,
  mark TEXT NOT NULL,
  noted_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, mark)
)
--engage:split
CREATE INDEX engage_accounts_usage_marks_noted_at_ix ON engage_accounts_usage_marks (noted_at)
