-- Where a member is written to. The address is there once they have shown that it is theirs.
-- next_ms: no letter of notices before it. tries: failed in a row. refused: so many letters in a row.
CREATE TABLE mail_addresses (
    member       TEXT PRIMARY KEY REFERENCES accounts (id),
    address      TEXT NOT NULL,
    lang         TEXT NOT NULL,
    confirmed_ms INTEGER NOT NULL,
    next_ms      INTEGER NOT NULL DEFAULT 0,
    tries        INTEGER NOT NULL DEFAULT 0,
    refused      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Letters that carry a link which is good once: the newest of each kind counts. due_ms is absent once
-- the letter is on its way; the row stays for the link.
CREATE TABLE letters (
    member  TEXT NOT NULL REFERENCES accounts (id),
    kind    TEXT NOT NULL CHECK (kind IN ('confirm', 'password')),
    address TEXT NOT NULL,
    lang    TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    due_ms  INTEGER,
    tries   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (member, kind)
) WITHOUT ROWID;
CREATE INDEX letters_due ON letters (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX letters_to ON letters (address, made_ms);

-- When a notice that is not seen by then goes into a letter; absent: never, or it did.
ALTER TABLE notices ADD COLUMN mail_ms INTEGER;
CREATE INDEX notices_to_mail ON notices (mail_ms) WHERE mail_ms IS NOT NULL;

-- Which kinds go into letters, as the bits of push. 11: mentions, replies and reminders.
ALTER TABLE notice_settings ADD COLUMN mail INTEGER NOT NULL DEFAULT 11;
