CREATE TABLE engage_marks_slices (
  consumer text COLLATE "C" NOT NULL,
  part smallint NOT NULL,
  pos bigint NOT NULL,
  slice_id uuid NOT NULL,
  marked_at timestamptz NOT NULL,
  PRIMARY KEY (consumer, part, pos, slice_id)
)
