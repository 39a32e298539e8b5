-- What was measured so far of who watches the broadcast that is on in a room: written every few seconds, so
-- that a server that dies loses no more than that. The end of the broadcast leaves its summary instead.
CREATE TABLE turnouts (
    room       INTEGER PRIMARY KEY REFERENCES rooms (number),
    broadcast  TEXT NOT NULL,
    peak       INTEGER NOT NULL,
    people     INTEGER NOT NULL,
    watched_ms INTEGER NOT NULL,
    hearts     TEXT NOT NULL
);

-- Its viewers: those who came since the row before, as numbers of eight bytes that mean nothing outside of
-- this broadcast.
CREATE TABLE turnout_viewers (
    room    INTEGER NOT NULL REFERENCES turnouts (room),
    viewers BLOB NOT NULL
);
CREATE INDEX turnout_viewers_of_room ON turnout_viewers (room);

-- The order in which they came, which SQLite knows by itself.
--! postgres
ALTER TABLE turnout_viewers ADD COLUMN rowid BIGINT GENERATED ALWAYS AS IDENTITY;
--! both
