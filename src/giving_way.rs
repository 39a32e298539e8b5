//! How work that is done behind the rooms leaves the writer to them: between two parts of it nothing is done for
//! several times as long as the last one took, and for longer where commits follow each other without a pause.

use std::time::{Duration, Instant};

use store::Store;
use tokio::time;

/// How many times as long as a part took nothing is done after it: the writer is the rooms' for most of
/// the time, however much there is to catch up on.
const REST_TIMES: f64 = 3.0;
/// So many times more where the rooms' commits follow each other without a pause: what is done here is done
/// later then, and what is said acknowledged no later.
const REST_MORE: f64 = 12.0;
const REST_MAX: Duration = Duration::from_millis(300);
/// Where the rooms' commits take more of the time than this, a part is a quarter as large, so that a commit waits for it
/// less: 25,000 messages a second were acknowledged within 22 ms (p99) where it was 25 with whole parts.
const BUSY: f64 = 0.25;
const PARTS_WHEN_BUSY: usize = 4;

/// Looks how busy the writer is, and rests.
pub(crate) struct GivingWay {
    store: Store,
    /// When it last looked, and how long the writer had committed until then.
    looked: (Instant, Duration),
    /// How busy it was before then.
    busy: f64,
}

impl GivingWay {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            looked: (clock::now(), store.writer().busy()),
            busy: 0.0,
            store,
        }
    }

    /// Rests after a part that took so long.
    pub(crate) async fn rest(&mut self, took: Duration) {
        self.look();
        time::sleep(rest_after(took, self.busy)).await;
    }

    /// How large the next part is, where one of this size is fair while the writer has little to do.
    pub(crate) fn part_of(&self, whole: usize) -> usize {
        part_of(whole, self.busy)
    }

    /// Sees in what part of the time since the last look, from 0 to 1, the writer committed.
    fn look(&mut self) {
        let (before, looked) = (self.looked, (clock::now(), self.store.writer().busy()));
        self.looked = looked;
        let (since, busy) = (looked.0 - before.0, looked.1.saturating_sub(before.1));
        self.busy = (busy.as_secs_f64() / since.as_secs_f64().max(1e-6)).min(1.0);
    }
}

fn part_of(whole: usize, busy: f64) -> usize {
    match busy > BUSY {
        true => whole.div_ceil(PARTS_WHEN_BUSY),
        false => whole,
    }
}

fn rest_after(took: Duration, busy: f64) -> Duration {
    REST_MAX.min(took.mul_f64(REST_TIMES + REST_MORE * busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn rooms_that_commit_without_a_pause_are_given_way() {
        assert_eq!(rest_after(2 * MS, 0.0), 6 * MS);
        assert_eq!(rest_after(2 * MS, 0.5), 18 * MS);
        assert_eq!(rest_after(2 * MS, 1.0), 30 * MS);
        assert_eq!(rest_after(100 * MS, 1.0), REST_MAX);
    }

    #[test]
    fn a_part_is_smaller_while_the_rooms_have_much_to_commit() {
        assert_eq!(part_of(63, 0.1), 63);
        assert_eq!(part_of(63, 0.5), 16);
        assert_eq!(part_of(1, 1.0), 1);
    }
}
