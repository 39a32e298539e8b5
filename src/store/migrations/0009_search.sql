-- What can be found by its words: messages of rooms and, with the seq 0, their titles. All of it follows
-- from the logs, so that it may be forgotten and made again.
CREATE TABLE search_docs (
    -- The moment, and the place within it: ids are in the order of time.
    id     INTEGER PRIMARY KEY,
    room   INTEGER NOT NULL REFERENCES rooms (number),
    seq    INTEGER NOT NULL,
    author TEXT NOT NULL,
    -- Links, images and cards, as bits.
    has    INTEGER NOT NULL,
    -- The text in the form in which it is searched.
    folded TEXT NOT NULL
);
CREATE UNIQUE INDEX search_docs_of_room ON search_docs (room, seq);

-- Up to which seq each room can be found.
CREATE TABLE search_rooms (
    room INTEGER PRIMARY KEY REFERENCES rooms (number),
    upto INTEGER NOT NULL
);

-- The terms of each text, and of what it is narrowed down by (its room, its author, what it has).
--! sqlite
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, marks, content = '', columnsize = 0, prefix = '1', tokenize = 'ascii'
);
-- What is taken out is overwritten at once, as everywhere in the file.
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);
--! postgres
ALTER TABLE search_docs ADD COLUMN words TSVECTOR NOT NULL;
CREATE INDEX search_docs_by_words ON search_docs USING gin (words);
--! both
