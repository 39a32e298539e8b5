//! The ports that viewers receive from, and how many viewers there may be at once.

use protocol::limits;

use crate::config::{ConfigError, Rtc};

/// Ports that viewers receive from, each with a thread of its own: no machine that one server is for has
/// more cores to spare.
const VIEW_PORTS_MAX: usize = 16;

/// Whether they fit together.
pub(crate) fn check(rtc: &Rtc) -> Result<(), ConfigError> {
    let unfit = |key, value, advice| ConfigError::Unfit {
        place: None,
        key,
        value,
        advice,
    };
    let ports = &rtc.view_ports;
    // Port 0 is whichever is free, each time another one.
    let mut named = ports.iter().enumerate().filter(|it| *it.1 != 0);
    let twice = named.any(|(n, port)| ports[..n].contains(port));
    if !(1..=VIEW_PORTS_MAX).contains(&ports.len()) || twice {
        let advice = format!(
            "name 1 to {VIEW_PORTS_MAX} ports, none of them twice: each has a thread of its own"
        );
        return Err(unfit("rtc.view_ports", format!("{ports:?}"), advice));
    }
    let viewers_max = ports.len() * limits::AUDIO_VIEWERS_PER_SHARD_MAX;
    if !(1..=viewers_max).contains(&rtc.viewers) {
        let advice = format!("it is 1 to {viewers_max} with so many of rtc.view_ports");
        return Err(unfit("rtc.viewers", rtc.viewers.to_string(), advice));
    }
    Ok(())
}

/// Places of each worker, so that all of them together are as many as was said, or a few more.
pub(crate) fn of_each_worker(rtc: &Rtc) -> usize {
    rtc.viewers.div_ceil(rtc.view_ports.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtc(view_ports: &[u16], viewers: usize) -> Rtc {
        Rtc {
            view_ports: view_ports.to_vec(),
            viewers,
            ..Rtc::default()
        }
    }

    fn refused(view_ports: &[u16], viewers: usize) -> String {
        let error = check(&rtc(view_ports, viewers)).expect_err("it does not fit");
        error.to_string()
    }

    #[test]
    fn ports_are_few_and_each_is_another() {
        let many: Vec<u16> = (1..=17).collect();
        for ports in [&[][..], &[7, 8, 7], &many] {
            let error = refused(ports, 1);
            assert!(
                error.contains("rtc.view_ports") && error.contains("1 to 16 ports"),
                "{error}"
            );
        }
        for ports in [&[7][..], &[7, 8], &[0, 0], &many[..16]] {
            assert!(check(&rtc(ports, 1)).is_ok(), "{ports:?}");
        }
    }

    #[test]
    fn each_port_has_places_for_five_thousand_who_listen() {
        for viewers in [0, 5_001] {
            let error = refused(&[7], viewers);
            let told = format!("rtc.viewers = {viewers}");
            assert!(
                error.contains(&told) && error.contains("1 to 5000"),
                "{error}"
            );
        }
        assert!(check(&rtc(&[7, 8], 10_000)).is_ok());
        assert!(refused(&[7, 8], 10_001).contains("1 to 10000"));
        assert_eq!(of_each_worker(&rtc(&[7], 1_000)), 1_000);
        assert_eq!(of_each_worker(&rtc(&[7, 8, 9], 1_000)), 334);
    }
}
