//! Of those who are through: media, words, too much of everything, and the operator's side.

use super::{Chapter, Point, Proof};

pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Media",
        points: &[
            Point {
                number: 34,
                asks: "an offer without fingerprint; another certificate than it names",
                answer: "422; the handshake comes to nothing, nothing is forwarded, the peer is `failed`: a viewer at once, a publisher after the 15 s that it has to get through",
                proof: Proof::By(&[
                    (
                        "src/rtc/view/tests/peers.rs",
                        "whoever_shows_another_certificate_sees_nothing",
                    ),
                    (
                        "src/rtc/publish/tests/walls.rs",
                        "a_publisher_with_another_certificate_shows_nothing",
                    ),
                    (
                        "src/rtc/publish/tests/walls.rs",
                        "an_offer_without_a_fingerprint_is_refused",
                    ),
                ]),
            },
            Point {
                number: 35,
                asks: "a ClientHello from an address without ICE, in a race with the real one",
                answer: "dropped; 100 real handshakes beside 1,000 false hellos, none lost",
                proof: Proof::By(&[
                    (
                        "src/rtc/view/tests/walls.rs",
                        "a_strangers_hello_never_wins_a_race",
                    ),
                    (
                        "tests/bad_line.rs",
                        "strangers_get_nothing_and_spoil_no_handshake",
                    ),
                    (
                        "src/rtc/view/tests/path.rs",
                        "only_who_knows_the_password_is_answered",
                    ),
                ]),
            },
            Point {
                number: 36,
                asks: "STUN without or with a wrong proof",
                answer: "no answer at all; an answer is never larger than its question, to whomever",
                proof: Proof::By(&[
                    (
                        "tests/security/udp.rs",
                        "s36_s37_s42_a_stranger_is_answered_with_nothing",
                    ),
                    (
                        "src/rtc/view/tests/probe.rs",
                        "an_answer_is_never_larger_than_its_question_over_ipv6_either",
                    ),
                    (
                        "src/rtc/publish/tests/port.rs",
                        "media_is_taken_only_from_an_address_that_showed_the_password",
                    ),
                    (
                        "src/rtc/view/tests/reach.rs",
                        "s35_s36_a_stranger_by_tcp_is_answered_with_nothing",
                    ),
                ]),
            },
            Point {
                number: 37,
                asks: "a flood of hellos from forged addresses, of TCP connections to media ports",
                answer: "dropped before any state: a handshake begins after ICE only; connections without a right check are 1,024 of a port and 64 of a place, for 5 s, and a newer one displaces the oldest",
                proof: Proof::By(&[
                    (
                        "tests/security/udp.rs",
                        "s36_s37_s42_a_stranger_is_answered_with_nothing",
                    ),
                    (
                        "src/rtc/publish/tests/port.rs",
                        "a_handshake_in_crumbs_is_dropped",
                    ),
                    ("src/rtc/pipes/tests.rs", "a_flood_displaces_its_oldest"),
                    ("src/rtc/pipes/tests.rs", "one_place_has_few_unproven_pipes"),
                    (
                        "src/rtc/pipes/tests.rs",
                        "who_proves_nothing_is_gone_in_time",
                    ),
                ]),
            },
            Point {
                number: 38,
                asks: "RTP from another port, or with a wrong tag",
                answer: "dropped and counted; the picture goes on as it was",
                proof: Proof::By(&[
                    (
                        "src/rtc/publish/tests/port.rs",
                        "media_is_taken_only_from_an_address_that_showed_the_password",
                    ),
                    (
                        "src/rtc/publish/tests/walls.rs",
                        "forged_media_changes_nothing_and_ends_nobody",
                    ),
                ]),
            },
            Point {
                number: 39,
                asks: "broken STUN, DTLS, SRTP, RTCP and SDP",
                answer: "nothing ends: some thousands in each run of the tests, as many as there is time for in `make fuzz`",
                proof: Proof::By(&[
                    (
                        "tests/security/udp.rs",
                        "s39_many_broken_datagrams_end_nothing",
                    ),
                    (
                        "src/rtc/view/tests/path.rs",
                        "no_datagram_ends_the_worker_or_another_viewer",
                    ),
                    (
                        "src/rtc/view/tests/hostile.rs",
                        "no_mutated_check_is_answered_and_none_breaks_its_reader",
                    ),
                    (
                        "src/media/tests.rs",
                        "no_mutated_packet_breaks_a_track_or_what_is_read_from_it",
                    ),
                    (
                        "src/media/leg/tests/described.rs",
                        "no_bytes_of_a_descriptor_disturb_anybody",
                    ),
                    (
                        "src/rtc/sdp/tests.rs",
                        "no_change_of_an_offer_makes_it_panic_or_answers_too_much",
                    ),
                ]),
            },
            Point {
                number: 40,
                asks: "a peer that falls silent",
                answer: "nothing more is sent after 30 s at the latest (RFC 7675); a publisher is given up after 8 s",
                proof: Proof::By(&[
                    (
                        "src/rtc/view/tests/peers.rs",
                        "a_viewer_of_whom_nothing_is_heard_is_gone",
                    ),
                    ("src/rtc/config.rs", "consent_ends_within_thirty_seconds"),
                    (
                        "src/rtc/publish/tests/network.rs",
                        "a_publisher_that_sends_without_checks_stays_until_it_stops",
                    ),
                ]),
            },
            Point {
                number: 41,
                asks: "candidates that name this machine, its network, a cloud's metadata",
                answer: "never contacted: we answer checks and send none",
                proof: Proof::By(&[
                    (
                        "tests/security/udp.rs",
                        "s41_addresses_that_a_client_names_are_never_contacted",
                    ),
                    (
                        "src/rtc/publish/tests/reach.rs",
                        "s41_nobody_is_called_whom_an_offer_names",
                    ),
                ]),
            },
            Point {
                number: 42,
                asks: "TURN",
                answer: "the server relays nothing: no answer. What lets in at the operator's relay goes to whom was let in here, is good for a while, and is in no preflight and no log",
                proof: Proof::By(&[
                    (
                        "tests/security/udp.rs",
                        "s36_s37_s42_a_stranger_is_answered_with_nothing",
                    ),
                    (
                        "tests/http_edge/whip.rs",
                        "w6_relays_are_named_to_whom_was_let_in",
                    ),
                    ("src/auth/relays.rs", "a_pass_is_never_printed"),
                    (
                        "src/protocol/turn.rs",
                        "what_lets_somebody_in_is_never_printed",
                    ),
                ]),
            },
            Point {
                number: 43,
                asks: "a flood of PLI, FIR and NACK of a viewer",
                answer: "a publisher is asked for a keyframe at most every 500 ms; a packet is sent again so often and no more",
                proof: Proof::By(&[
                    (
                        "src/media/wish.rs",
                        "many_wishes_are_one_question_per_half_second",
                    ),
                    (
                        "src/media/router/tests.rs",
                        "wishes_of_a_room_are_asked_at_most_every_half_second",
                    ),
                    ("src/media/leg/tests.rs", "asking_again_and_again_ends"),
                    (
                        "src/rtc/view/tests/hostile.rs",
                        "a_viewer_who_floods_and_asks_for_everything_costs_the_others_nothing",
                    ),
                ]),
            },
            Point {
                number: 44,
                asks: "a publisher that sends 50 Mbit/s",
                answer: "20 Mbit/s are taken, the rest is dropped and counted before it is decrypted",
                proof: Proof::By(&[
                    (
                        "src/rtc/publish/tests/walls.rs",
                        "of_fifty_megabits_twenty_are_taken",
                    ),
                    (
                        "src/rtc/publish/police.rs",
                        "the_rate_holds_over_ten_seconds_and_a_burst_passes",
                    ),
                ]),
            },
        ],
    },
    Chapter {
        title: "What people write",
        points: &[
            Point {
                number: 45,
                asks: "scripts in messages, names, titles",
                answer: "shown as text: no dialog, no element, and the page's policy would not run it",
                proof: Proof::By(&[
                    (
                        "tests/browser/xss.test.mjs",
                        "nothing that people write runs",
                    ),
                    (
                        "src/http/share.rs",
                        "nothing_that_people_write_becomes_a_tag",
                    ),
                    (
                        "tests/security/headers.rs",
                        "s58_every_answer_on_every_address_has_the_headers",
                    ),
                ]),
            },
            Point {
                number: 46,
                asks: "`javascript:` and `data:` as links",
                answer: "no link; real ones open apart, `noopener noreferrer`",
                proof: Proof::By(&[(
                    "tests/browser/xss.test.mjs",
                    "nothing that people write runs",
                )]),
            },
            Point {
                number: 47,
                asks: "names with hidden, turning or piled-up characters, or like the host's",
                answer: "cleaned or refused; two spellings of one name are one name",
                proof: Proof::By(&[
                    ("src/auth/names.rs", "names_are_cleaned_or_refused"),
                    (
                        "src/auth/names.rs",
                        "one_name_is_one_name_however_it_is_written",
                    ),
                ]),
            },
            Point {
                number: 48,
                asks: "uploads that are larger than they look, run, tell where they were taken, or have a path for a name",
                answer: "422 for a bomb, by its head alone; 413 above the limits, within 64 MiB; what is no picture or voice note is bytes to save; notes are stripped; a name is words, the file is called by its sum; `quota_full`",
                proof: Proof::By(&[
                    (
                        "tests/security/uploads.rs",
                        "s48_a_bomb_is_422_and_what_is_too_large_is_413",
                    ),
                    (
                        "tests/security/uploads.rs",
                        "s48_pages_and_drawings_are_handed_out_as_bytes_and_never_shown",
                    ),
                    (
                        "tests/security/uploads.rs",
                        "s48_a_name_is_words_and_no_path_and_a_room_keeps_so_much",
                    ),
                    (
                        "tests/things.rs",
                        "a_picture_is_said_shown_and_gone_with_its_message",
                    ),
                    (
                        "src/blobs/picture/tests.rs",
                        "i3_a_photograph_is_turned_upright_and_loses_where_it_was_taken",
                    ),
                ]),
            },
            Point {
                number: 49,
                asks: "link previews that fetch",
                answer: "–",
                proof: Proof::NotYet("the server fetches nothing that people write"),
            },
            Point {
                number: 50,
                asks: "cells of a table that calculate",
                answer: "a cell that begins like a formula begins with an apostrophe",
                proof: Proof::By(&[(
                    "src/http/polls.rs",
                    "v8_a_cell_is_never_a_formula_and_never_ends_early",
                )]),
            },
        ],
    },
    Chapter {
        title: "Abuse",
        points: &[
            Point {
                number: 51,
                asks: "codes guessed",
                answer: "128 bits and more for set-up codes, stream keys and resources; 20 tries in 10 minutes of one address",
                proof: Proof::By(&[
                    (
                        "src/auth/secrets.rs",
                        "a_secret_is_found_by_its_hash_and_never_repeats",
                    ),
                    (
                        "tests/http_edge/identity.rs",
                        "the_printed_link_makes_the_owner_once",
                    ),
                ]),
            },
            Point {
                number: 52,
                asks: "passwords guessed",
                answer: "10 failures a minute of one account and address; the same words and the same work for an unknown name; argon2id",
                proof: Proof::By(&[
                    (
                        "tests/http_edge/identity.rs",
                        "a_wrong_name_and_a_wrong_password_are_told_alike_and_ten_times_only",
                    ),
                    (
                        "src/auth/passwords.rs",
                        "an_unknown_account_takes_as_long_as_a_wrong_password",
                    ),
                ]),
            },
            Point {
                number: 53,
                asks: "rooms made without end",
                answer: "20 in 10 minutes of a member, then 429; memory stays flat",
                proof: Proof::By(&[
                    (
                        "tests/security/flood.rs",
                        "s53_rooms_are_made_so_fast_and_no_faster_and_cost_no_memory",
                    ),
                    ("tests/http_edge/rooms.rs", "making_rooms_is_throttled"),
                ]),
            },
            Point {
                number: 54,
                asks: "talk without end",
                answer: "10 at once, then 5 a second: `rate_limited` (rule P8); what keeps order passes a flood (rule G1)",
                proof: Proof::By(&[
                    (
                        "tests/chat.rs",
                        "p5_who_talks_too_fast_hears_how_long_and_stays_connected",
                    ),
                    (
                        "tests/lanes.rs",
                        "g1_a_mute_in_a_flood_is_refused_nothing_and_holds_before_the_flood_is_over",
                    ),
                ]),
            },
            Point {
                number: 55,
                asks: "hearts without end",
                answer: "counted, announced twice a second, dropped first",
                proof: Proof::By(&[
                    (
                        "src/community/room/tests/presence.rs",
                        "p7_hearts_are_counted_and_announced_twice_a_second",
                    ),
                    (
                        "src/actor/inbox_tests.rs",
                        "hearts_are_dropped_while_half_of_the_rest_is_full",
                    ),
                ]),
            },
            Point {
                number: 56,
                asks: "a page of another site acts by the visitor's cookie",
                answer: "403 `origin_foreign`; a GET changes nothing",
                proof: Proof::By(&[
                    (
                        "tests/security/headers.rs",
                        "s56_a_page_of_another_site_changes_nothing_and_a_get_never_does",
                    ),
                    (
                        "tests/http_edge/identity.rs",
                        "another_sites_page_changes_nothing_by_our_cookie",
                    ),
                ]),
            },
            Point {
                number: 57,
                asks: "CORS with credentials",
                answer: "never; WHIP and WHEP are open to pages of every site, because no cookie counts there",
                proof: Proof::By(&[(
                    "tests/security/headers.rs",
                    "s57_other_sites_pages_may_only_speak_to_what_takes_no_cookie",
                )]),
            },
            Point {
                number: 58,
                asks: "headers that are missing somewhere",
                answer: "the same on every address: CSP without `unsafe-inline`, no frames, `nosniff`, COOP, CORP, Referrer and Permissions; HSTS over HTTPS",
                proof: Proof::By(&[
                    (
                        "tests/security/headers.rs",
                        "s58_every_answer_on_every_address_has_the_headers",
                    ),
                    (
                        "tests/https.rs",
                        "a_new_certificate_is_shown_without_a_restart",
                    ),
                ]),
            },
            Point {
                number: 59,
                asks: "metrics and files of the operator on the public port",
                answer: "404; they are on the operator's port alone",
                proof: Proof::By(&[
                    (
                        "tests/security/program.rs",
                        "s59_nothing_of_the_operators_is_on_the_public_port",
                    ),
                    (
                        "tests/http_edge/front.rs",
                        "the_operators_port_shows_metrics_and_the_public_one_does_not",
                    ),
                ]),
            },
            Point {
                number: 60,
                asks: "webhooks forged or replayed",
                answer: "–",
                proof: Proof::NotYet("no webhooks are sent or taken"),
            },
        ],
    },
    Chapter {
        title: "Privacy and operation",
        points: &[
            Point {
                number: 61,
                asks: "an export of one's own data",
                answer: "everything that a member wrote, made, liked, voted for and uploaded, and every row about them, also for who is banned; no secret is in it",
                proof: Proof::By(&[
                    (
                        "tests/export.rs",
                        "data2_own_data_is_complete_also_for_who_is_banned",
                    ),
                    (
                        "tests/export.rs",
                        "no_archive_holds_a_secret_or_what_was_taken_back",
                    ),
                ]),
            },
            Point {
                number: 62,
                asks: "deletion leaves nothing",
                answer: "a deleted message leaves its number and no word on disk; an erased account no byte that was its alone, and no name",
                proof: Proof::By(&[
                    (
                        "src/community/room/tests/chat.rs",
                        "a_deleted_message_leaves_its_seq_and_no_word_in_the_log",
                    ),
                    (
                        "src/store/tests/contract/erase.rs",
                        "an_erased_body_is_gone_from_every_file",
                    ),
                    (
                        "tests/erase.rs",
                        "data5_of_who_erases_their_account_no_byte_is_left_and_what_others_see_stays",
                    ),
                    (
                        "tests/erase.rs",
                        "data5_what_they_wrote_goes_with_them_where_they_wish_it_and_threads_stay",
                    ),
                    (
                        "tests/erase.rs",
                        "data5_a_kill_in_the_middle_puts_it_off_and_a_start_finishes_it",
                    ),
                ]),
            },
            Point {
                number: 63,
                asks: "an audit log that shows tampering",
                answer: "`weiquan audit verify` names the first line that was changed, left out or put in, and fails",
                proof: Proof::By(&[
                    (
                        "tests/order.rs",
                        "o13_a_line_that_somebody_changed_in_the_file_is_named_by_the_program",
                    ),
                    (
                        "src/store/rows/audit.rs",
                        "o13_a_line_that_was_changed_left_out_or_put_in_is_named",
                    ),
                ]),
            },
            Point {
                number: 64,
                asks: "secrets in the log",
                answer: "no token, key, password, message, SDP, name or address at any level of ours",
                proof: Proof::By(&[
                    (
                        "tests/security/logs.rs",
                        "s64_the_log_holds_no_token_no_message_no_sdp_and_no_address",
                    ),
                    (
                        "src/telemetry/lib.rs",
                        "what_belongs_to_a_person_is_hidden_until_the_operator_allows_it",
                    ),
                ]),
            },
            Point {
                number: 65,
                asks: "a recording that nobody sees",
                answer: "–",
                proof: Proof::NotYet("nothing is recorded in this version"),
            },
            Point {
                number: 66,
                asks: "a backup that cannot be restored",
                answer: "proven by reading it back; a flipped bit is found",
                proof: Proof::By(&[
                    (
                        "tests/backup.rs",
                        "a_backup_under_load_holds_all_that_was_acknowledged_before_it_began",
                    ),
                    ("tests/backup.rs", "a_flipped_bit_is_found_wherever_it_is"),
                ]),
            },
            Point {
                number: 67,
                asks: "the operator acts as a member",
                answer: "–",
                proof: Proof::NotYet(
                    "there is no address for it; who has the server's folder has its secret, and can make any token",
                ),
            },
            Point {
                number: 68,
                asks: "unsafe code and unknown dependencies",
                answer: "`unsafe` is forbidden in every crate of ours; licences, sources and advisories by `make check`",
                proof: Proof::By(&[
                    (
                        "tests/security/program.rs",
                        "s68_no_crate_of_ours_may_be_unsafe",
                    ),
                    ("tests/tidy.rs", "every_dependency_has_one_home"),
                ]),
            },
            Point {
                number: 69,
                asks: "a parser that was never fuzzed",
                answer: "each one has a test that mutates from seeds, and `make fuzz` runs it for as long as one likes",
                proof: Proof::By(&[(
                    "tests/security/program.rs",
                    "s69_every_parser_is_fuzzed_by_make_fuzz",
                )]),
            },
            Point {
                number: 70,
                asks: "nobody knows whom to tell",
                answer: "SECURITY.md and the threat model are there, and this page is held to its table",
                proof: Proof::By(&[(
                    "tests/security/page.rs",
                    "the_page_says_what_the_table_says",
                )]),
            },
        ],
    },
];
