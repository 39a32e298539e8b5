-- The client id, a UUIDv7, comes before the room: what all rooms say at about the same time lies on the last page or two
-- of this index, where each room had a page of its own that every commit wrote beside its page of the log.
DROP INDEX records_by_client_id;
CREATE UNIQUE INDEX records_by_client_id ON records (client_id, room, author)
    WHERE client_id IS NOT NULL;
