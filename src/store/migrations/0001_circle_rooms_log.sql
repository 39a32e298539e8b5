-- Times are Unix milliseconds. Hashes are SHA-256 of what the client keeps; the server never
-- stores a token, cookie, stream key or device secret itself.

-- What the server knows of itself: its secret, the hash of the set-up code.
CREATE TABLE server (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE circles (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    made_ms INTEGER NOT NULL
);

-- A login identity. token_epoch grows when every token made before is to be refused.
CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    password    TEXT NOT NULL,
    token_epoch INTEGER NOT NULL DEFAULT 0,
    made_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- An account inside a circle.
CREATE TABLE members (
    account   TEXT NOT NULL REFERENCES accounts (id),
    circle    INTEGER NOT NULL REFERENCES circles (id),
    role      TEXT NOT NULL CHECK (role IN ('member', 'moderator', 'owner')),
    joined_ms INTEGER NOT NULL,
    PRIMARY KEY (account, circle)
) WITHOUT ROWID;
CREATE INDEX members_of_circle ON members (circle, joined_ms);

CREATE TABLE sign_ins (
    hash    BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    device  TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sign_ins_of_account ON sign_ins (account, used_ms);

CREATE TABLE guests (
    id          TEXT PRIMARY KEY,
    circle      INTEGER NOT NULL REFERENCES circles (id),
    device_hash BLOB NOT NULL,
    name        TEXT NOT NULL,
    made_ms     INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    UNIQUE (circle, device_hash)
) WITHOUT ROWID;

CREATE TABLE rooms (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    circle    INTEGER NOT NULL REFERENCES circles (id),
    slug      TEXT NOT NULL UNIQUE,
    title     TEXT NOT NULL,
    guests    INTEGER NOT NULL,
    made_by   TEXT NOT NULL REFERENCES accounts (id),
    epoch     TEXT NOT NULL,
    made_ms   INTEGER NOT NULL
);
CREATE INDEX rooms_of_circle ON rooms (circle, made_ms);

-- The log. A body is opaque, versioned JSON. checksum is over every other column.
CREATE TABLE records (
    room        INTEGER NOT NULL REFERENCES rooms (number),
    seq         INTEGER NOT NULL,
    circle      INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    pos         INTEGER,
    author      TEXT NOT NULL,
    author_name TEXT NOT NULL,
    author_mark INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    is_fact     INTEGER NOT NULL,
    client_id   TEXT,
    checksum    INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
-- The client id comes before the author: it is a UUIDv7, so that a room's new entries lie on one
-- page. The other way round each author has a page of its own, and every commit writes them all.
CREATE UNIQUE INDEX records_by_client_id ON records (room, client_id, author)
    WHERE client_id IS NOT NULL;
CREATE INDEX facts ON records (room, seq) WHERE is_fact = 1;

-- A projection of the log: what the home page lists.
CREATE TABLE broadcasts (
    id        TEXT PRIMARY KEY,
    room      INTEGER NOT NULL REFERENCES rooms (number),
    circle    INTEGER NOT NULL REFERENCES circles (id),
    phase     TEXT NOT NULL
        CHECK (phase IN ('scheduled', 'open', 'live', 'paused', 'ended', 'archived')),
    title     TEXT NOT NULL,
    host      TEXT NOT NULL,
    host_name TEXT NOT NULL,
    host_mark INTEGER NOT NULL,
    starts_ms INTEGER,
    live_ms   INTEGER,
    ended_ms  INTEGER,
    seq       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX broadcasts_of_room ON broadcasts (room, seq);

CREATE TABLE stream_keys (
    id         TEXT PRIMARY KEY,
    room       INTEGER NOT NULL REFERENCES rooms (number),
    account    TEXT NOT NULL REFERENCES accounts (id),
    hash       BLOB NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    made_ms    INTEGER NOT NULL,
    used_ms    INTEGER,
    revoked_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX stream_keys_of_room ON stream_keys (room, made_ms);
