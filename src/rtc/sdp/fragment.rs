//! A fragment of SDP that carries ICE alone (RFC 8840 §9, `application/trickle-ice-sdpfrag`): what a
//! client says of its session after the offer, and what we say of ours after a restart.
//!
//! Candidates are checked and counted, and not kept: both our ends are ICE-lite, which learns where
//! the other side is from its checks. For that reason a candidate of a transport or with a name that
//! we could not use is as good as another (RFC 9725 §4.3.2: it is dropped without a word).

use std::fmt::Write as _;

use protocol::Refusal;

use super::{invalid, offer::is_ice_text};

/// More than any client gathers: some interfaces, each with some transports.
const CANDIDATES_MAX: usize = 256;
/// Sections of one fragment; with one transport for all there is one.
const SECTIONS_MAX: usize = 16;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) ufrag: String,
    /// Of well-formed candidates, usable or not.
    pub(crate) candidates: usize,
    /// There will be no more of them.
    pub(crate) ended: bool,
    /// The first section: its `m=` line and its name.
    section: Option<(String, String)>,
}

#[derive(Default)]
struct Reading {
    ufrag: Option<String>,
    pwd: Option<String>,
    candidates: usize,
    ended: bool,
    /// `m=` lines, each with its `mid` once that came.
    sections: Vec<(String, Option<String>)>,
}

impl Fragment {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut reading = Reading::default();
        let lines = text.lines().map(str::trim_end);
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once('=') {
                Some(("a", value)) => reading.attribute(value)?,
                Some(("m", value)) => reading.begin_section(value)?,
                _ => return Err(invalid("a fragment has only a= and m= lines")),
            }
        }
        reading.finish()
    }

    /// Our side of a restart, for the section that the client named (RFC 9725 §4.3.3), with lines of
    /// [`super::candidates()`].
    pub(crate) fn restarted(&self, ufrag: &str, pwd: &str, candidates: &str) -> String {
        let mut out = String::from("a=ice-lite\r\n");
        if let Some((line, mid)) = &self.section {
            let _ = write!(out, "a=group:BUNDLE {mid}\r\nm={line}\r\na=mid:{mid}\r\n");
        }
        let _ = write!(out, "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n");
        out.push_str(candidates);
        out
    }
}

impl Reading {
    fn begin_section(&mut self, value: &str) -> Result<(), Refusal> {
        if self.sections.len() == SECTIONS_MAX {
            return Err(invalid("the fragment has too many sections"));
        }
        let mut words = value.split_ascii_whitespace();
        let is_media = words.next().is_some();
        let has_port = words.next().is_some_and(|it| it.parse::<u16>().is_ok());
        // A transport, and at least one format.
        if !(is_media && has_port && words.count() >= 2) {
            return Err(invalid("an incomplete m= line"));
        }
        self.sections.push((value.to_owned(), None));
        Ok(())
    }

    fn attribute(&mut self, text: &str) -> Result<(), Refusal> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "ice-ufrag" => same(&mut self.ufrag, value, 4),
            "ice-pwd" => same(&mut self.pwd, value, 22),
            "candidate" => self.candidate(value),
            "end-of-candidates" => {
                self.ended = true;
                Ok(())
            }
            "mid" => match self.sections.last_mut() {
                Some((_, mid)) if mid.is_none() && is_token(value) => {
                    *mid = Some(value.to_owned());
                    Ok(())
                }
                _ => Err(invalid("each section has one mid")),
            },
            _ => Ok(()),
        }
    }

    /// RFC 8839 §5.1. Only its shape is held: see the head of this file.
    fn candidate(&mut self, value: &str) -> Result<(), Refusal> {
        if self.candidates == CANDIDATES_MAX {
            return Err(invalid("the fragment has too many candidates"));
        }
        if self.sections.is_empty() {
            return Err(invalid("a candidate belongs to a section"));
        }
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        let [
            foundation,
            component,
            _transport,
            priority,
            _address,
            port,
            "typ",
            _kind,
            ..,
        ] = words[..]
        else {
            return Err(invalid("an incomplete candidate"));
        };
        let fits = is_ice(foundation, 1, 32)
            && component.parse::<u16>().is_ok_and(|it| it <= 256)
            && priority.parse::<u32>().is_ok()
            && port.parse::<u16>().is_ok();
        if !fits {
            return Err(invalid("a candidate that is not one"));
        }
        self.candidates += 1;
        Ok(())
    }

    fn finish(self) -> Result<Fragment, Refusal> {
        let (Some(ufrag), Some(_)) = (self.ufrag, self.pwd) else {
            return Err(invalid("a fragment has an ICE name and password"));
        };
        let mut sections = Vec::with_capacity(self.sections.len());
        for (line, mid) in self.sections {
            let mid = mid.ok_or_else(|| invalid("each section has one mid"))?;
            sections.push((line, mid));
        }
        Ok(Fragment {
            ufrag,
            candidates: self.candidates,
            ended: self.ended,
            section: sections.into_iter().next(),
        })
    }
}

/// Said above and in the sections, or in several: always the same, because the transport is one.
fn same(said: &mut Option<String>, value: &str, least: usize) -> Result<(), Refusal> {
    if !is_ice_text(value, least) {
        return Err(invalid("an ICE name or password that is not one"));
    }
    match said {
        Some(before) if before != value => {
            Err(invalid("a fragment has one ICE name and one password"))
        }
        _ => {
            *said = Some(value.to_owned());
            Ok(())
        }
    }
}

fn is_ice(text: &str, least: usize, most: usize) -> bool {
    text.len() <= most && is_ice_text(text, least)
}

/// RFC 8866 §9: a token of visible characters; short, because it comes back in our answer.
fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Tcp, candidates},
        *,
    };

    const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n\
        a=candidate:3471623853 1 tcp 1518280447 a1b2.local 9 typ host tcptype active\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn names_and_candidates_are_read() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        assert_eq!((fragment.ufrag.as_str(), fragment.candidates), ("EsAw", 2));
        assert!(fragment.ended);
        let inside = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:v0\na=ice-ufrag:abcd\n\
                      a=ice-pwd:0123456789012345678901\n";
        let fragment = Fragment::parse(inside).unwrap();
        assert_eq!(
            (fragment.ufrag.as_str(), fragment.candidates, fragment.ended),
            ("abcd", 0, false)
        );
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        let without = |part: &str| FRAGMENT.replace(part, "");
        let many = FRAGMENT.replace(
            "a=end-of-candidates\r\n",
            &"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".repeat(CANDIDATES_MAX),
        );
        let wrong = [
            String::new(),
            "hello".to_owned(),
            format!("v=0\r\n{FRAGMENT}"),
            without("a=ice-ufrag:EsAw\r\n"),
            without("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"),
            without("a=mid:0\r\n"),
            without("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"),
            without(" 61764"),
            without(" typ host generation 0"),
            FRAGMENT.replace("61764", "70000"),
            FRAGMENT.replace("2122260223", "high"),
            FRAGMENT.replace("EsAw", "abc"),
            FRAGMENT.replace("EsAw", "a b c"),
            format!("{FRAGMENT}a=ice-ufrag:other\r\n"),
            format!("{FRAGMENT}m=video\r\na=mid:1\r\n"),
            many,
        ];
        for text in wrong {
            let refusal = Fragment::parse(&text).expect_err(&text);
            assert_eq!(refusal.code, protocol::Code::SdpInvalid, "{text}");
        }
    }

    #[test]
    fn whatever_is_taken_can_be_answered() {
        use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

        let mut taken = 0;
        for seed in seeds::of(20_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = FRAGMENT.as_bytes().to_vec();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..3) {
                    0 => bytes[at] = rng.random_range(0..128),
                    1 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let text = String::from_utf8(bytes).unwrap();
            let Ok(fragment) = Fragment::parse(&text) else {
                continue;
            };
            taken += 1;
            let ours = fragment.restarted("0123abcd", &"p".repeat(32), &candidates(&[], Tcp::Off));
            let ours = Fragment::parse(&ours).unwrap_or_else(|it| panic!("{it}\n{text}"));
            assert_eq!(ours.section, fragment.section, "{text}");
        }
        assert!((1_000..19_000).contains(&taken), "{taken}");
    }

    #[test]
    fn our_side_of_a_restart_can_be_read_back() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let reachable = [
            "203.0.113.7:3479".parse().unwrap(),
            "[2001:db8::7]:3479".parse().unwrap(),
        ];
        let text = fragment.restarted(
            "0123abcd",
            &"p".repeat(32),
            &candidates(&reachable, Tcp::Off),
        );
        assert!(text.starts_with("a=ice-lite\r\n"), "{text}");
        assert!(text.contains("a=mid:0\r\n"), "{text}");
        assert!(text.contains(" udp 2130706431 203.0.113.7 3479 typ host\r\n"));
        let ours = Fragment::parse(&text).unwrap();
        assert_eq!((ours.ufrag.as_str(), ours.candidates), ("0123abcd", 2));
        assert!(ours.ended);
    }
}
