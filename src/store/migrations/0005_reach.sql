-- Notices: what a member is told of, wherever they are. Written in the transaction of the record that
-- they tell of. told: handed to open connections and to push.
CREATE TABLE notices (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    member      TEXT NOT NULL REFERENCES accounts (id),
    kind        TEXT NOT NULL CHECK (kind IN ('mention', 'reply', 'picked', 'reminder', 'live')),
    room        INTEGER NOT NULL REFERENCES rooms (number),
    seq         INTEGER,
    at_ms       INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    sender_name TEXT NOT NULL,
    sender_mark INTEGER NOT NULL,
    text        TEXT NOT NULL,
    starts_ms   INTEGER,
    more        INTEGER NOT NULL DEFAULT 0,
    seen        INTEGER NOT NULL DEFAULT 0,
    told        INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX notices_of_member ON notices (member, id);
CREATE INDEX notices_unseen ON notices (member, sender, id) WHERE seen = 0;
CREATE INDEX notices_untold ON notices (id) WHERE told = 0;
CREATE UNIQUE INDEX notices_of_message ON notices (room, seq, member) WHERE seq IS NOT NULL;

-- Absent: every kind goes to push, and only broadcasts that were asked for are told of.
CREATE TABLE notice_settings (
    member   TEXT PRIMARY KEY REFERENCES accounts (id),
    push     INTEGER NOT NULL,
    all_live INTEGER NOT NULL
) WITHOUT ROWID;

-- Who is reminded of which broadcast. told_ms is the start that they were told of, so that one that is
-- moved is told of again.
CREATE TABLE reminders (
    broadcast TEXT NOT NULL REFERENCES broadcasts (id),
    member    TEXT NOT NULL REFERENCES accounts (id),
    made_ms   INTEGER NOT NULL,
    told_ms   INTEGER,
    PRIMARY KEY (broadcast, member)
) WITHOUT ROWID;
CREATE INDEX reminders_of_member ON reminders (member, made_ms);

-- Broadcasts whose going live was told of.
CREATE TABLE broadcasts_told (
    broadcast TEXT PRIMARY KEY REFERENCES broadcasts (id)
) WITHOUT ROWID;
INSERT INTO broadcasts_told SELECT id FROM broadcasts WHERE live_ms IS NOT NULL;
CREATE INDEX broadcasts_begun ON broadcasts (phase, starts_ms);

-- How often a broadcast changed: what a calendar goes by.
ALTER TABLE broadcasts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

CREATE TABLE push_subscriptions (
    endpoint TEXT PRIMARY KEY,
    member   TEXT NOT NULL REFERENCES accounts (id),
    p256dh   BLOB NOT NULL,
    auth     BLOB NOT NULL,
    lang     TEXT NOT NULL,
    made_ms  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX push_subscriptions_of_member ON push_subscriptions (member, made_ms);
