CREATE TABLE IF NOT EXISTS engage_contacts (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  state VARBINARY(32) NOT NULL,
  attributes LONGTEXT NOT NULL CHECK (json_valid(attributes)),
  locale VARBINARY(255) NOT NULL,
  time_zone VARBINARY(255) NOT NULL,
  merged_into BINARY(16) NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NOT NULL,
  created_by_type VARBINARY(255) NOT NULL,
  created_by_id VARBINARY(255) NOT NULL,
  updated_by_type VARBINARY(255) NOT NULL,
  updated_by_id VARBINARY(255) NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id),
  KEY engage_contacts_updated_at_id_ix (workspace_id, updated_at, id),
  KEY engage_contacts_merged_into_id_ix (workspace_id, merged_into, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_identities (
  workspace_id BINARY(16) NOT NULL,
  kind VARBINARY(255) NOT NULL,
  value VARBINARY(255) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  display TEXT NOT NULL,
  added_at BIGINT NULL,
  verified_at BIGINT NULL,
  PRIMARY KEY (workspace_id, kind, value),
  CONSTRAINT engage_contacts_identities_contact_id_fk FOREIGN KEY (workspace_id, contact_id)
    REFERENCES engage_contacts (workspace_id, id) ON DELETE CASCADE,
  KEY engage_contacts_identities_contact_id_ix (workspace_id, contact_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_tags (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(255) NOT NULL,
  name_key VARBINARY(1200) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE KEY engage_contacts_tags_name_key_ux (workspace_id, name_key)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_taggings (
  workspace_id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  tag_id BINARY(16) NOT NULL,
  tagged_at BIGINT NULL,
  PRIMARY KEY (workspace_id, contact_id, tag_id),
  KEY engage_contacts_taggings_tag_id_contact_id_ix (workspace_id, tag_id, contact_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_lists (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  name VARBINARY(255) NOT NULL,
  visibility VARBINARY(32) NOT NULL,
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_members (
  workspace_id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  list_id BINARY(16) NOT NULL,
  state VARBINARY(32) NOT NULL,
  source VARBINARY(255) NOT NULL,
  reached_at BIGINT NULL,
  PRIMARY KEY (workspace_id, contact_id, list_id),
  KEY engage_contacts_members_list_id_contact_id_ix (workspace_id, list_id, contact_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_attributes (
  workspace_id BINARY(16) NOT NULL,
  object VARBINARY(255) NOT NULL,
  attribute VARBINARY(255) NOT NULL,
  label TEXT NOT NULL,
  type VARBINARY(32) NOT NULL,
  element VARBINARY(32) NOT NULL,
  options LONGTEXT NULL CHECK (json_valid(options)),
  created_at BIGINT NULL,
  updated_at BIGINT NULL,
  PRIMARY KEY (workspace_id, object, attribute)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_events (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  name VARBINARY(255) NOT NULL,
  occurred_at BIGINT NOT NULL,
  received_at BIGINT NULL,
  properties LONGTEXT NULL CHECK (json_valid(properties)),
  PRIMARY KEY (workspace_id, id),
  KEY engage_contacts_events_contact_id_occurred_at_id_ix (workspace_id, contact_id, occurred_at, id),
  KEY engage_contacts_events_name_occurred_at_ix (workspace_id, name, occurred_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
--engage:split
CREATE TABLE IF NOT EXISTS engage_contacts_timeline (
  workspace_id BINARY(16) NOT NULL,
  id BINARY(16) NOT NULL,
  contact_id BINARY(16) NOT NULL,
  kind VARBINARY(255) NOT NULL,
  occurred_at BIGINT NOT NULL,
  title VARBINARY(255) NOT NULL,
  data LONGTEXT NULL CHECK (json_valid(data)),
  PRIMARY KEY (workspace_id, id),
  KEY engage_contacts_timeline_contact_id_occurred_at_id_ix (workspace_id, contact_id, occurred_at, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
