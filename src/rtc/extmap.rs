//! Which header extension of an offer is the dependency descriptor (RFC 8285 §5). Its bytes are
//! [`media`]'s.

pub(crate) const DESCRIPTOR_URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// A keyframe's descriptor is longer than the form with headers of one byte can say, and the form may only
/// change from packet to packet where both sides say this (§6).
pub(crate) const ALLOW_MIXED: &str = "extmap-allow-mixed";

/// The number of the dependency descriptor, if the value of an `a=extmap` is of it: `12 https://…`. It may have
/// a direction (`12/recvonly`), and counts where that lets it go this way.
pub(crate) fn descriptor_id(value: &str, way: Way) -> Option<u8> {
    let mut words = value.split_ascii_whitespace();
    let (number, uri) = (words.next()?, words.next()?);
    if uri != DESCRIPTOR_URI {
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
        let ids = [Way::ToUs, Way::ToThem].map(|way| descriptor_id(&value, way));
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
            descriptor_id("12 urn:3gpp:video-orientation", Way::ToUs),
            None
        );
        assert_eq!(descriptor_id("12", Way::ToUs), None);
        let with_more = format!("12 {DESCRIPTOR_URI} more");
        assert_eq!(descriptor_id(&with_more, Way::ToThem), Some(12));
    }
}
