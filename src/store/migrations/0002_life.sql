-- What people do to a message without saying anything: rows without a seq, committed with the log's
-- appends. Records never hold any of it, so that a heart does not push a word out of sight.
CREATE TABLE likes (
    room   INTEGER NOT NULL REFERENCES rooms (number),
    seq    INTEGER NOT NULL,
    member TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (room, seq, member)
) WITHOUT ROWID;
CREATE INDEX likes_of_member ON likes (room, member, seq);

-- Votes in polls that are open: picks are options as bits. A poll that closes leaves its result in its
-- record, and nobody's vote here.
CREATE TABLE votes (
    room   INTEGER NOT NULL REFERENCES rooms (number),
    poll   INTEGER NOT NULL,
    member TEXT NOT NULL,
    picks  INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (room, poll, member)
) WITHOUT ROWID;

-- A projection of the log: which replies are in whose thread. Replies of before this table are in none:
-- a body is not read here.
CREATE TABLE replies (
    room INTEGER NOT NULL REFERENCES rooms (number),
    root INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (room, root, seq)
) WITHOUT ROWID;
