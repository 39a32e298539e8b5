//! What the machine must know to decide a command, and the store does: an old message, somebody absent, a board, an
//! upload.

use community::{Command, Need, Who};
use protocol::{BlobId, MemberId, Seq, Slug};

use super::{RoomTask, recovery};
use crate::actor::storing;

impl RoomTask {
    /// Reads from the store what the machine must know to decide: an old message, somebody absent.
    pub(super) async fn fetch_needed(&mut self, who: &Who, command: &Command) {
        let mut last = None;
        while let Some(need) = self.machine.needs(who, command) {
            // What is not there stays needed; the machine then refuses by itself.
            if last.as_ref() == Some(&need) {
                return;
            }
            match &need {
                Need::Record(seq) => self.fetch_record(*seq).await,
                Need::Member(id) => self.fetch_member(id.clone()).await,
                Need::Board(board) => self.fetch_board(board).await,
                Need::Upload(blob) => self.fetch_upload(&who.id, blob).await,
            }
            last = Some(need);
        }
    }

    async fn fetch_record(&mut self, seq: Seq) {
        let meta = self.machine.meta();
        let (number, circle) = (meta.number, meta.circle);
        match self.store.entry(number, seq).await {
            Ok(Some(entry)) => match storing::record(&self.store.erasing(), circle, entry) {
                Ok(record) => {
                    let now = self.now();
                    self.machine.remember_record(now, record);
                }
                Err(error) => {
                    tracing::error!(room = number, seq, %error, "a record cannot be read")
                }
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(room = number, seq, %error, "a record cannot be fetched"),
        }
    }

    async fn fetch_member(&mut self, id: MemberId) {
        if let Some(who) = recovery::member(&self.store, id).await {
            self.machine.remember_member(who);
        }
    }

    async fn fetch_board(&mut self, board: &Slug) {
        let meta = self.machine.meta();
        match self.store.has_board(meta.circle, board.clone()).await {
            Ok(true) => self.machine.remember_board(board.clone()),
            Ok(false) => {}
            Err(error) => tracing::warn!(%board, %error, "a board cannot be looked up"),
        }
    }

    async fn fetch_upload(&mut self, by: &MemberId, blob: &BlobId) {
        let number = self.machine.meta().number;
        match self.store.upload(number, by.clone(), blob.clone()).await {
            Ok(Some(row)) => self
                .machine
                .remember_upload(storing::upload(by.clone(), row)),
            Ok(None) => {}
            Err(error) => tracing::warn!(room = number, %error, "an upload cannot be looked up"),
        }
    }
}
