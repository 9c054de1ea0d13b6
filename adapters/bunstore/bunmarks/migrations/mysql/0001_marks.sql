CREATE TABLE IF NOT EXISTS engage_marks_slices (
  consumer VARBINARY(255) NOT NULL,
  part SMALLINT NOT NULL,
  pos BIGINT NOT NULL,
  slice_id BINARY(16) NOT NULL,
  marked_at BIGINT NOT NULL,
  PRIMARY KEY (consumer, part, pos, slice_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
