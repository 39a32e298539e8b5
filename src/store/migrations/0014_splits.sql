-- Which topic a topic was split from.
ALTER TABLE topics ADD COLUMN split_from INTEGER REFERENCES topics (room);

-- Where everybody is in a topic: asked when replies leave it.
CREATE INDEX readings_of_room ON readings (room);

-- Which topics were made of what was said in a room: asked where many ask the same.
CREATE INDEX topic_quotes_of ON topic_quotes (room, seq);
