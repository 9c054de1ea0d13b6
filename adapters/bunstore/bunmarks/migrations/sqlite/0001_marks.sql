CREATE TABLE engage_marks_slices (
  consumer TEXT NOT NULL,
  part INTEGER NOT NULL,
  pos INTEGER NOT NULL,
  slice_id BLOB NOT NULL,
  marked_at INTEGER NOT NULL,
  PRIMARY KEY (consumer, part, pos, slice_id)
)
