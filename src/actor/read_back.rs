//! Reads a room's whole log as the server would, without running the room: how a backup is proved.

use std::error::Error;

use community::{Rates, Room};
use protocol::{RoomNumber, limits};
use store::{PageOf, Store};

use super::{directory::meta, room_task::recover, storing};

/// Every record of a room is read, held against its checksum and understood, and the room recovers
/// from its log. Answers how many records there are.
pub async fn read_back(
    store: &Store,
    number: RoomNumber,
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let row = store
        .room_by_number(number)
        .await?
        .ok_or("the room's row cannot be found")?;
    // Nobody talks in it.
    let meta = meta(row, Rates::UNLIMITED);
    let _: Room = recover(store, &meta).await?;
    let mut last = 0;
    loop {
        let after = PageOf::After(last);
        let page = store.page(number, after, limits::PAGE_RECORDS_MAX).await?;
        for entry in page.entries {
            if entry.seq != last + 1 {
                return Err(format!("record {} is missing", last + 1).into());
            }
            last = entry.seq;
            storing::record_as_stored(meta.circle, entry)?;
        }
        if page.end {
            return Ok(last);
        }
    }
}
