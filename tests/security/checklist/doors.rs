//! Of those who come to a door: sockets, tokens, rights, offers.

use super::{Chapter, Point, Proof};

pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Handshake and WebSocket",
        points: &[
            Point {
                number: 1,
                asks: "a page of another site opens a socket by the visitor's cookie",
                answer: "403, no upgrade; and no cookie ever opens a socket, only the token in `hello`",
                proof: Proof::By(&[
                    (
                        "tests/security/handshake.rs",
                        "s1_a_page_of_another_site_gets_no_socket_and_a_cookie_opens_none",
                    ),
                    ("src/ws/upgrade_tests.rs", "f7_foreign_pages_are_refused"),
                ]),
            },
            Point {
                number: 2,
                asks: "an Origin that only looks like a listed one",
                answer: "403: scheme, host and port must be the same",
                proof: Proof::By(&[(
                    "tests/security/handshake.rs",
                    "s2_an_origin_is_allowed_whole_or_not_at_all",
                )]),
            },
            Point {
                number: 3,
                asks: "a request head that is too large",
                answer: "431 above 8 KiB or 100 lines",
                proof: Proof::By(&[
                    (
                        "tests/security/handshake.rs",
                        "s3_a_head_above_8_kib_or_100_lines_is_431",
                    ),
                    (
                        "tests/http_edge/front.rs",
                        "big_heads_are_refused_whatever_they_ask_for",
                    ),
                ]),
            },
            Point {
                number: 4,
                asks: "2,000 heads, one byte a second each",
                answer: "each is cut after 5 s; somebody else comes in, joins and talks in less than 500 ms",
                proof: Proof::By(&[
                    (
                        "tests/security/flood.rs",
                        "s4_two_thousand_slow_heads_keep_nobody_waiting_and_are_cut",
                    ),
                    (
                        "tests/http_edge/front.rs",
                        "slow_heads_are_cut_after_five_seconds",
                    ),
                ]),
            },
            Point {
                number: 5,
                asks: "an upgrade, and then nothing",
                answer: "closed with 4500 after 5 s",
                proof: Proof::By(&[(
                    "tests/security/handshake.rs",
                    "s5_who_says_nothing_is_closed_after_five_seconds_and_nobody_else",
                )]),
            },
            Point {
                number: 6,
                asks: "a token in an address",
                answer: "400, on every path, so that no log holds one",
                proof: Proof::By(&[
                    (
                        "tests/security/handshake.rs",
                        "s6_a_token_in_the_address_is_400",
                    ),
                    (
                        "tests/http_edge/identity.rs",
                        "a_token_in_the_address_is_refused_on_any_path",
                    ),
                ]),
            },
            Point {
                number: 7,
                asks: "a frame that is too large, or says it is",
                answer: "`too_large` above 64 KiB; closed with 1009 above 256 KiB, from the header alone; less than 1 MiB more memory",
                proof: Proof::By(&[
                    (
                        "tests/security/flood.rs",
                        "s7_a_header_that_claims_2_to_the_63_bytes_costs_no_memory",
                    ),
                    (
                        "tests/bad_input.rs",
                        "f4_what_breaks_the_websocket_closes_with_its_code",
                    ),
                ]),
            },
            Point {
                number: 8,
                asks: "an unmasked frame, a reserved bit, a bad opcode, a ping in parts, bad UTF-8, binary",
                answer: "1002; 1007 for UTF-8; 1003 for binary",
                proof: Proof::By(&[
                    (
                        "tests/bad_input.rs",
                        "f4_what_breaks_the_websocket_closes_with_its_code",
                    ),
                    (
                        "src/ws/read_tests.rs",
                        "what_breaks_the_protocol_is_refused",
                    ),
                ]),
            },
            Point {
                number: 9,
                asks: "10,000 empty parts of a message; a flood of pings",
                answer: "parts: closed with 1009; pings: one pong for what came at once, and a message of somebody else takes less than a second",
                proof: Proof::By(&[
                    (
                        "tests/security/flood.rs",
                        "s9_ten_thousand_empty_fragments_end_their_connection",
                    ),
                    (
                        "tests/security/flood.rs",
                        "s9_a_ping_flood_is_answered_sparingly_and_disturbs_nobody",
                    ),
                    (
                        "src/fanout/tests/connections.rs",
                        "pings_are_answered_and_a_flood_of_them_is_one_pong",
                    ),
                ]),
            },
            Point {
                number: 10,
                asks: "JSON 10,000 deep, a key twice, 1e400, half a surrogate",
                answer: "`malformed` (400 by HTTP), and the connection stays",
                proof: Proof::By(&[
                    (
                        "tests/security/frames.rs",
                        "s10_json_as_nobody_writes_it_is_refused_and_the_connection_stays",
                    ),
                    (
                        "tests/security/frames.rs",
                        "s10_the_same_holds_for_bodies_of_the_api",
                    ),
                ]),
            },
            Point {
                number: 11,
                asks: "a compression bomb",
                answer: "no compression is agreed on; a frame that says it is compressed closes with 1002",
                proof: Proof::By(&[(
                    "tests/security/handshake.rs",
                    "s11_no_compression_is_ever_agreed_on",
                )]),
            },
            Point {
                number: 12,
                asks: "very many connections of one address",
                answer: "429 `too_many_connections` with `Retry-After` (rule F8); a member's are bounded by the address alone, because a household shares both",
                proof: Proof::By(&[
                    (
                        "tests/bad_input.rs",
                        "f8_a_full_address_is_refused_and_gets_its_place_back_with_the_socket",
                    ),
                    (
                        "tests/http_edge/upgrades.rs",
                        "an_address_holds_so_many_sockets_and_gets_a_place_back_when_one_closes",
                    ),
                ]),
            },
            Point {
                number: 13,
                asks: "somebody banned or dismissed goes on",
                answer: "out within a second on every device, media included, and also while the connection is away (rule B10)",
                proof: Proof::By(&[
                    (
                        "tests/security/banned.rs",
                        "s13_a_ban_puts_out_and_takes_the_picture_within_a_second",
                    ),
                    (
                        "tests/security/banned.rs",
                        "b10_a_ban_while_the_connection_is_away_takes_its_picture_too",
                    ),
                    (
                        "tests/security/banned.rs",
                        "s13_a_banned_publisher_is_off_the_air_within_a_second",
                    ),
                    (
                        "src/actor/stage.rs",
                        "who_is_banned_while_media_answers_gets_nothing",
                    ),
                    (
                        "tests/roles.rs",
                        "s6_who_is_appointed_moderates_at_once_and_who_is_dismissed_does_not",
                    ),
                ]),
            },
        ],
    },
    Chapter {
        title: "Tokens",
        points: &[
            Point {
                number: 14,
                asks: "`alg: none`",
                answer: "`token_invalid`, 401",
                proof: Proof::By(&[
                    (
                        "src/auth/tokens_tests.rs",
                        "alg_none_and_a_changed_algorithm_are_refused",
                    ),
                    (
                        "tests/bad_input.rs",
                        "h1_and_h2_who_does_not_say_who_it_is_goes",
                    ),
                ]),
            },
            Point {
                number: 15,
                asks: "HS256 with a public key as the secret",
                answer: "`token_invalid`: a key has one algorithm",
                proof: Proof::By(&[(
                    "src/auth/tokens_tests.rs",
                    "alg_none_and_a_changed_algorithm_are_refused",
                )]),
            },
            Point {
                number: 16,
                asks: "past, future, or claims missing or of others",
                answer: "`token_expired` or `token_invalid`; clocks may differ by 30 s",
                proof: Proof::By(&[
                    (
                        "src/auth/tokens_tests.rs",
                        "claims_that_are_missing_or_wrong_are_refused",
                    ),
                    (
                        "src/auth/tokens_tests.rs",
                        "it_ends_after_ten_minutes_and_the_leeway",
                    ),
                ]),
            },
            Point {
                number: 17,
                asks: "`kid` as a path or SQL, `jku`, `x5u`, `jwk`, `crit`",
                answer: "`kid` only chooses among the configured keys; what the token brings along is not looked at",
                proof: Proof::By(&[(
                    "src/auth/tokens_tests.rs",
                    "a_header_only_chooses_among_the_configured_keys",
                )]),
            },
            Point {
                number: 18,
                asks: "a key of one room used in another",
                answer: "401: a stream key opens its own room at `/whip` and nothing else",
                proof: Proof::By(&[(
                    "tests/security/idor.rs",
                    "s18_a_stream_key_opens_its_own_room_and_nothing_else",
                )]),
            },
            Point {
                number: 19,
                asks: "a stolen sign-in used again",
                answer: "there are no refresh tokens; a sign-out ends the cookie, and everywhere also every token",
                proof: Proof::By(&[(
                    "tests/http_edge/identity.rs",
                    "a_sign_out_ends_this_browser_or_everything_at_once",
                )]),
            },
            Point {
                number: 20,
                asks: "a secret under 32 bytes",
                answer: "the server does not start (exit code 2), names the key and how many bytes it has",
                proof: Proof::By(&[
                    (
                        "tests/security/program.rs",
                        "s20_a_weak_secret_keeps_the_server_from_starting_and_is_named",
                    ),
                    (
                        "src/auth/tokens_tests.rs",
                        "a_key_that_is_weak_or_doubled_keeps_the_server_from_starting",
                    ),
                ]),
            },
            Point {
                number: 21,
                asks: "a token after a sign-out everywhere",
                answer: "`token_revoked` at once, connections closed with 4500 within a second",
                proof: Proof::By(&[(
                    "tests/http_edge/identity.rs",
                    "a_sign_out_ends_this_browser_or_everything_at_once",
                )]),
            },
            Point {
                number: 22,
                asks: "secrets guessed by the time an answer takes",
                answer: "only the SHA-256 of a secret is looked up; seals and signatures are compared by the crypto library",
                proof: Proof::By(&[
                    (
                        "src/auth/secrets.rs",
                        "a_secret_is_found_by_its_hash_and_never_repeats",
                    ),
                    (
                        "src/auth/secrets.rs",
                        "a_seal_holds_for_its_text_and_purpose_only",
                    ),
                ]),
            },
        ],
    },
    Chapter {
        title: "Rights",
        points: &[
            Point {
                number: 23,
                asks: "every act by every role",
                answer: "one answer for each cell: each op on the socket by six roles, each address of the API by seven",
                proof: Proof::By(&[
                    (
                        "tests/security/matrix.rs",
                        "s23_every_op_by_every_role_has_its_one_answer",
                    ),
                    (
                        "tests/security/matrix.rs",
                        "s23_the_table_has_every_op_of_the_protocol",
                    ),
                    (
                        "tests/security/rest.rs",
                        "s23_every_address_by_every_role_has_its_one_status",
                    ),
                    (
                        "tests/security/rest.rs",
                        "s23_the_table_has_every_address_of_the_api",
                    ),
                    (
                        "src/community/rights.rs",
                        "every_role_has_the_verbs_of_the_table_and_no_other",
                    ),
                ]),
            },
            Point {
                number: 24,
                asks: "ids of what belongs to others",
                answer: "404, the same bytes as for what is not there. That a room exists is no secret: its link says to sign in",
                proof: Proof::By(&[
                    (
                        "tests/security/idor.rs",
                        "s24_what_is_somebody_elses_is_answered_as_what_is_not_there",
                    ),
                    ("tests/search.rs", "nobody_finds_what_they_may_not_read"),
                ]),
            },
            Point {
                number: 25,
                asks: "a role, an id or a count in a body",
                answer: "passed over: a body has the fields of its shape",
                proof: Proof::By(&[
                    (
                        "tests/security/idor.rs",
                        "s25_what_nobody_may_set_is_not_set",
                    ),
                    (
                        "tests/http_edge/identity.rs",
                        "what_nobody_asked_for_gives_nobody_a_role",
                    ),
                ]),
            },
            Point {
                number: 26,
                asks: "points spent twice",
                answer: "–",
                proof: Proof::NotYet(
                    "no points, no prizes: there is nothing to spend in this version",
                ),
            },
        ],
    },
    Chapter {
        title: "WHIP and WHEP",
        points: &[
            Point {
                number: 27,
                asks: "no Bearer, another room's",
                answer: "401 with `WWW-Authenticate`; 403 where one may not publish",
                proof: Proof::By(&[(
                    "tests/whip_conformance/main.rs",
                    "every_rule_of_whip_and_whep_holds",
                )]),
            },
            Point {
                number: 28,
                asks: "another content type",
                answer: "415",
                proof: Proof::By(&[(
                    "tests/whip_conformance/main.rs",
                    "every_rule_of_whip_and_whep_holds",
                )]),
            },
            Point {
                number: 29,
                asks: "a broken offer, one that does not send, two pictures",
                answer: "400; 422; 422",
                proof: Proof::By(&[
                    (
                        "tests/whip_conformance/main.rs",
                        "every_rule_of_whip_and_whep_holds",
                    ),
                    (
                        "tests/bad_input.rs",
                        "b5_offers_that_cannot_be_answered_say_why",
                    ),
                ]),
            },
            Point {
                number: 30,
                asks: "PATCH without `If-Match`, with an old tag, with what is not offered",
                answer: "428; 412; 422",
                proof: Proof::By(&[(
                    "tests/whip_conformance/main.rs",
                    "every_rule_of_whip_and_whep_holds",
                )]),
            },
            Point {
                number: 31,
                asks: "somebody else's resource",
                answer: "404, and 401 without a Bearer; an address has 128 random bits and a seal",
                proof: Proof::By(&[
                    (
                        "tests/whip_conformance/main.rs",
                        "every_rule_of_whip_and_whep_holds",
                    ),
                    (
                        "tests/security/idor.rs",
                        "s24_what_is_somebody_elses_is_answered_as_what_is_not_there",
                    ),
                ]),
            },
            Point {
                number: 32,
                asks: "while the server goes down; on the plain port",
                answer: "503 with `Retry-After`; 307",
                proof: Proof::By(&[(
                    "tests/whip_conformance/main.rs",
                    "every_rule_of_whip_and_whep_holds",
                )]),
            },
            Point {
                number: 33,
                asks: "POST again and again",
                answer: "429 after 60 a minute of one address",
                proof: Proof::By(&[(
                    "tests/http_edge/whip.rs",
                    "an_encoder_that_posts_again_and_again_is_slowed_down",
                )]),
            },
        ],
    },
];
