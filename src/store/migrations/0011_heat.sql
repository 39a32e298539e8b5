-- How hot a topic is, as a moment (Unix milliseconds): the greater the hotter, at whatever time one looks.
ALTER TABLE topics ADD COLUMN heat_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX topics_hot ON topics (circle, heat_ms, room);
