//! Which header extensions of an offer are the ones that are known here (RFC 8285 §5). Their bytes are
//! [`media`]'s.

pub(crate) const DESCRIPTOR_URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// When a packet was sent, beside the time that it is of (RFC 5450).
pub(crate) const SENT_AT_URI: &str = "urn:ietf:params:rtp-hdrext:toffset";
/// A keyframe's descriptor is longer than the form with headers of one byte can say, and the form may only
/// change from packet to packet where both sides say this (§6).
pub(crate) const ALLOW_MIXED: &str = "extmap-allow-mixed";

/// The number of an extension, if the value of an `a=extmap` is of it: `12 https://…`. It may have a direction
/// (`12/recvonly`), and counts where that lets it go this way.
pub(crate) fn id_of(value: &str, uri: &str, way: Way) -> Option<u8> {
    let mut words = value.split_ascii_whitespace();
    let (number, of) = (words.next()?, words.next()?);
    if of != uri {
        return None;
    }
    let (id, direction) = number.split_once('/').unwrap_or((number, "sendrecv"));
    let flows = match way {
        Way::ToUs => matches!(direction, "sendrecv" | "sendonly"),
        Way::ToThem => matches!(direction, "sendrecv" | "recvonly"),
    };
    // 15 is reserved (§4.2).
    let id = id.parse().ok().filter(|id| !matches!(id, 0 | 15))?;
    flows.then_some(id)
}

/// Whether who offers it sends it, or is sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToUs,
    ToThem,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: &str, to_us: Option<u8>, to_them: Option<u8>) {
        let value = format!("{number} {DESCRIPTOR_URI}");
        let ids = [Way::ToUs, Way::ToThem].map(|way| id_of(&value, DESCRIPTOR_URI, way));
        assert_eq!(ids, [to_us, to_them], "{number}");
    }

    #[test]
    fn the_descriptor_has_a_number_and_maybe_a_direction() {
        check("12", Some(12), Some(12));
        check("255", Some(255), Some(255));
        check("12/sendrecv", Some(12), Some(12));
        check("12/sendonly", Some(12), None);
        check("12/recvonly", None, Some(12));
        check("12/inactive", None, None);
        for wrong in ["0", "15", "256", "-1", "twelve", "/sendrecv"] {
            check(wrong, None, None);
        }
        assert_eq!(
            id_of("12 urn:3gpp:video-orientation", DESCRIPTOR_URI, Way::ToUs),
            None
        );
        assert_eq!(id_of("12", DESCRIPTOR_URI, Way::ToUs), None);
        let with_more = format!("12 {DESCRIPTOR_URI} more");
        assert_eq!(id_of(&with_more, DESCRIPTOR_URI, Way::ToThem), Some(12));
    }
}
