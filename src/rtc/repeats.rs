//! What a peer repeats of its DTLS handshake and the library must not hear.
//!
//! Each side repeats its flight until it is answered (RFC 6347 §4.2.4), so on a line of 100 ms much is
//! repeated that was not lost. To the library every handshake record is progress: it stops its own
//! timer, finds nothing new, and waits without one. If what *we* said was lost, we would never say it
//! again, and both sides would wait until somebody gives up. So a repeat of what we have answered
//! already stays outside, and our own timer does its work.

use crate::fragments::{Fragment, Pieces, records};

const CHANGE_CIPHER_SPEC: u8 = 20;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// What a server's flight is made of: its question for the cookie, its hello, its certificate, its key,
/// its wish for ours, and its end.
const OF_A_SERVER: [u8; 6] = [3, SERVER_HELLO, 11, 12, 13, 14];
/// The one with the cookie: the first is answered with a question, each time.
const ANSWERED_HELLO: u16 = 1;

/// How far a peer's handshake has come, as far as its repeats are concerned.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// The client's second hello, while it is being put together.
    hello: Option<Box<Pieces>>,
    /// It was whole, and the server has answered it with its flight.
    answered: bool,
    we_are_client: bool,
    /// We are the client, and our last flight has left.
    finished: bool,
}

impl Repeats {
    /// Whether a datagram of the peer's with these fragments says nothing new.
    pub(crate) fn has_only(&mut self, fragments: &[Fragment<'_>]) -> bool {
        if fragments.is_empty() {
            return false;
        }
        self.we_are_client |= fragments.iter().any(|it| it.kind == SERVER_HELLO);
        let all = |kinds: &[u8]| fragments.iter().all(|it| kinds.contains(&it.kind));
        if (self.answered && all(&[CLIENT_HELLO])) || (self.finished && all(&OF_A_SERVER)) {
            return true;
        }
        for fragment in fragments {
            let is_second = fragment.kind == CLIENT_HELLO && fragment.sequence == ANSWERED_HELLO;
            if is_second && self.hello.get_or_insert_default().take(fragment) {
                (self.hello, self.answered) = (None, true);
            }
        }
        false
    }

    /// Looks at a DTLS datagram of ours.
    pub(crate) fn note_sent(&mut self, datagram: &[u8]) {
        if self.we_are_client && !self.finished {
            self.finished = records(datagram).any(|it| it[0] == CHANGE_CIPHER_SPEC);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragments::{Budget, tests::record};

    fn repeats(of: &mut Repeats, datagram: &[u8]) -> bool {
        let fragments = Budget::default().spend(datagram).expect("fit");
        of.has_only(&fragments)
    }

    fn message(kind: u8, sequence: u16) -> Vec<u8> {
        record(u64::from(sequence), (kind, 50, sequence), 0, &[7; 50])
    }

    #[test]
    fn a_server_hears_a_hello_until_it_is_whole_and_everything_else_always() {
        let mut peer = Repeats::default();
        for _ in 0..2 {
            assert!(!repeats(&mut peer, &message(CLIENT_HELLO, 0)), "asks again");
        }
        let part = |from: usize| record(9, (CLIENT_HELLO, 50, 1), from, &[7; 25]);
        assert!(!repeats(&mut peer, &part(0)));
        assert!(!repeats(&mut peer, &part(0)), "half of it is missing");
        assert!(!repeats(&mut peer, &part(25)));
        for again in [part(0), part(25), message(CLIENT_HELLO, 0)] {
            assert!(repeats(&mut peer, &again));
        }
        // Its certificate, however often: our last flight may be lost.
        let mut finished = message(11, 2);
        for _ in 0..2 {
            assert!(!repeats(&mut peer, &finished));
            peer.note_sent(&[
                CHANGE_CIPHER_SPEC,
                0xfe,
                0xfd,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                9,
                0,
                1,
                1,
            ]);
        }
        finished[4] = 1;
        assert!(
            !repeats(&mut peer, &finished),
            "what is encrypted is the library's"
        );
    }

    #[test]
    fn a_client_hears_the_servers_flight_until_it_has_sent_its_last() {
        let mut peer = Repeats::default();
        peer.note_sent(&message(CLIENT_HELLO, 0));
        for again in [3, SERVER_HELLO, SERVER_HELLO, 11, 14] {
            assert!(!repeats(&mut peer, &message(again, 1)));
        }
        let change = [
            CHANGE_CIPHER_SPEC,
            0xfe,
            0xfd,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            9,
            0,
            1,
            1,
        ];
        peer.note_sent(&[message(11, 2), change.to_vec()].concat());
        assert!(repeats(&mut peer, &message(SERVER_HELLO, 1)));
        assert!(!repeats(&mut peer, &change), "the server's last flight");
    }
}
