-- How hot a topic is, as a moment (Unix milliseconds): the greater the hotter, at whatever time one looks.
ALTER TABLE topics ADD COLUMN heat_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX topics_hot ON topics (heat_ms, room);

-- Lists ask for no circle: what they are sorted by leads.
DROP INDEX topics_of_circle;
DROP INDEX topics_of_board;
CREATE INDEX topics_fresh ON topics (pinned, last_ms, room);
CREATE INDEX topics_of_board ON topics (board, pinned, last_ms, room);
CREATE INDEX topics_of_tag ON topic_tags (tag, room);
