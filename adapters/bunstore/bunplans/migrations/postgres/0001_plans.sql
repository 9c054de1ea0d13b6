CREATE TABLE engage_accounts_subscriptions (
  workspace_id uuid NOT NULL,
  plan text NOT NULL,
  state text NOT NULL,
  anchor_day integer NOT NULL,
  time_zone text NOT NULL,
  trial_ends_at timestamptz,
  ends_at timestamptz,
  ref text NOT NULL,
  created_at timestamptz,
  updated_at timestamptz,
  version bigint NOT NULL,
  PRIMARY KEY (workspace_id)
)
--engage:split
CREATE TABLE engage_accounts_usage (
  workspace_id uuid NOT NULL,
  meter text COLLATE "C" NOT NULL,
  period_start timestamptz NOT NULL,
  used bigint NOT NULL,
  told integer NOT NULL,
  updated_at timestamptz,
  PRIMARY KEY (workspace_id, meter, period_start)
)
--engage:split
CREATE TABLE engage_accounts_usage_shares (
  workspace_id uuid NOT NULL,
  meter text COLLATE "C" NOT NULL,
  period_start timestamptz NOT NULL,
  used_by uuid NOT NULL,
  used bigint NOT NULL,
  updated_at timestamptz,
  PRIMARY KEY (workspace_id, meter, period_start, used_by)
)
--engage:split
CREATE TABLE engage_accounts_usage_marks (
  workspace_id uuid NOT NULL,
  mark text COLLATE "C" NOT NULL,
  noted_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, mark)
)
--engage:split
CREATE INDEX engage_accounts_usage_marks_noted_at_ix ON engage_accounts_usage_marks (noted_at)
