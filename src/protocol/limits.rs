//! Every limit by name. Where a limit may be changed in `config/weiquan.toml`, this is its default.

use std::time::Duration;

/// Characters (not bytes) of one message.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Hashtags of a topic or doc that it is found by, and characters of one without its `#`.
pub const TAGS_MAX: usize = 10;
pub const TAG_CHARS_MAX: usize = 40;
/// Messages that one topic is made of.
pub const TOPIC_QUOTES_MAX: usize = 20;
/// People who are named in thanks for what they asked for.
pub const ASKERS_NAMED: usize = 50;
/// Records in which is looked for what many ask, and groups of such questions that are told.
pub const ASKED_LOOKED_MAX: usize = 2_000;
pub const ASKED_LISTED: usize = 20;
/// Characters of such a question: nobody asks the same at greater length.
pub const ASKED_CHARS_MAX: usize = 200;
/// Topics that may be merged into one.
pub const TOPICS_MERGED_MAX: usize = 50;
/// Replies that are split into a topic at once: what one commit moves without holding others up.
pub const SPLIT_REPLIES_MAX: usize = 200;
/// Topics of one page of a list.
pub const TOPICS_PAGE_MAX: usize = 50;
/// A question that nobody replied to for so long waits for an answer.
pub const UNANSWERED_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Exports that are written at once, on the whole server: each reads and packs with a thread of its own.
pub const EXPORTS_AT_ONCE: usize = 2;
/// Exports that one member may ask for in an hour.
pub const EXPORTS_PER_HOUR: u32 = 12;
/// Who takes nothing of an export for so long gets no more of it, and the next one gets the turn.
pub const EXPORT_TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// Boards of a circle, and characters of what one is about.
pub const BOARDS_MAX: usize = 100;
pub const BOARD_ABOUT_CHARS_MAX: usize = 200;
/// Hashtags in the list of those with the most topics.
pub const TAGS_LISTED: usize = 50;
/// Topics that one member may start in ten minutes.
pub const TOPICS_PER_TEN_MINUTES: u32 = 10;
/// Guests that the network of one address may make at once: a lecture hall. Each is a row.
pub const GUESTS_AT_ONCE: u32 = 1_000;
/// And after so many, one each time this has passed.
pub const GUEST_EVERY: Duration = Duration::from_secs(1);
/// Characters of a display name.
pub const NAME_CHARS_MAX: usize = 40;
/// Characters of a room's or broadcast's title.
pub const TITLE_CHARS_MAX: usize = 120;
/// Searches of one member a minute; of everybody without an account at one address ten times as many.
pub const SEARCHES_PER_MINUTE: u32 = 120;
/// Hits of one page of a search, and where the caller does not say how many.
pub const SEARCH_HITS_MAX: usize = 50;
pub const SEARCH_HITS: usize = 20;
/// Characters of a text that a hit shows.
pub const SEARCH_SHOWN_CHARS: usize = 160;
/// Characters of what is pinned; of a longer message its beginning is shown.
pub const PIN_CHARS_MAX: usize = 400;
/// Co-hosts of one broadcast.
pub const CO_HOSTS_MAX: usize = 8;
/// Questions of a room that wait for an answer.
pub const QUESTIONS_OPEN_MAX: usize = 200;
/// Characters of a poll's question, and of one of its options.
pub const POLL_QUESTION_CHARS_MAX: usize = 200;
pub const POLL_OPTION_CHARS_MAX: usize = 80;
/// Options of a poll.
pub const POLL_OPTIONS_MIN: usize = 2;
pub const POLL_OPTIONS_MAX: usize = 10;
/// Polls of a room that are open at once.
pub const POLLS_OPEN_MAX: usize = 3;
/// The longest time after which a poll closes by itself.
pub const POLL_FOR_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// People whose vote in one poll is counted (a room remembers each until the poll is closed).
pub const POLL_VOTERS_MAX: usize = 100_000;
/// Votes and likes that one member may send in a room at once, and a second after that; more is
/// refused `rate_limited`.
pub const ROWS_BURST: u32 = 20;
pub const ROWS_PER_SECOND: u32 = 10;
/// How often votes, likes and replies are announced at most.
pub const TALLY_EVERY: Duration = Duration::from_secs(1);
/// Messages whose likes and replies are counted in one such turn; the others wait for the next.
pub const TALLIES_AT_ONCE: usize = 64;
/// Seqs that one `liked` may span.
pub const LIKED_SPAN_MAX: u64 = 2_000;
/// How long somebody counts as writing after they last said so.
pub const TYPING_FOR: Duration = Duration::from_secs(5);
/// How often it is announced at most who is writing, and how many of them by name.
pub const TYPING_EVERY: Duration = Duration::from_secs(1);
pub const TYPING_NAMES_MAX: usize = 3;
/// Messages and edits that one member may send in a room at once, before the rate counts.
pub const TALK_BURST: u32 = 10;
/// Messages and edits a second of one member in a room, once the burst is used up; 0: no limit. More
/// is refused `rate_limited`. Staff and the host are not counted.
pub const TALK_PER_SECOND: u32 = 5;
/// People that one message may name.
pub const MENTIONS_MAX: usize = 10;
/// Notices of one member that are kept; the oldest go.
pub const NOTICES_KEPT_MAX: usize = 500;
/// Characters of what a notice shows of a message.
pub const NOTICE_CHARS_MAX: usize = 120;
/// Notices from one sender that one member has not seen, in [`NOTICES_FROM_ONE_WITHIN`]: further ones
/// are folded into the newest of them.
pub const NOTICES_FROM_ONE_MAX: usize = 5;
pub const NOTICES_FROM_ONE_WITHIN: Duration = Duration::from_secs(600);
/// How long a notice waits to be seen before it goes into a letter, where the operator does not say.
pub const MAIL_AFTER: Duration = Duration::from_secs(600);
pub const MAIL_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Between two letters of notices to one member.
pub const MAIL_EVERY: Duration = Duration::from_secs(900);
/// Notices that a letter tells in full; of the rest it says how many.
pub const MAIL_NOTICES_MAX: usize = 20;
/// How long a letter is tried for where the mail server does not take it.
pub const MAIL_TRIED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Letters in a row that are refused before an address is written to no more.
pub const MAIL_REFUSED_MAX: u32 = 3;
/// Topics with something new that a digest tells of; of the rest it says how many.
pub const DIGEST_TOPICS_MAX: usize = 10;
/// Notices that a digest tells of; of the rest it says how many.
pub const DIGEST_NOTICES_MAX: usize = 10;
/// Broadcasts that somebody missed and that a digest, or the app, tells of: the newest.
pub const MISSED_MAX: usize = 3;
/// How long after its end a broadcast is one that somebody may have missed. Who watched it is forgotten then.
pub const MISSED_WITHIN: Duration = Duration::from_secs(14 * 24 * 3_600);
/// Questions that were answered in a broadcast and that a digest tells of.
pub const DIGEST_QUESTIONS_MAX: usize = 3;
/// Broadcasts that are coming and that a digest tells of: the next.
pub const DIGEST_COMING_MAX: usize = 3;
/// Featured and hot topics that a digest tells of.
pub const DIGEST_BEST_MAX: usize = 5;
/// Characters of what a digest quotes.
pub const DIGEST_LINE_CHARS_MAX: usize = 160;
/// A digest that was written so far in the future was written by a clock that was wrong.
pub const DIGEST_AHEAD_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Members and kinds of letters with a link to one address in a day.
pub const LETTERS_TO_ONE_PER_DAY: u32 = 3;
/// Letters with a link that one member may ask for in an hour.
pub const LETTERS_PER_HOUR: u32 = 5;
/// Passwords that one network address may have forgotten in an hour.
pub const FORGOTTEN_PER_HOUR: u32 = 20;
/// How long the link that confirms an address is good for.
pub const MAIL_CONFIRM_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// How long the link that sets a new password is good for.
pub const PASSWORD_LINK_WITHIN: Duration = Duration::from_secs(3_600);
/// How long before its start a broadcast is reminded of.
pub const REMIND_BEFORE: Duration = Duration::from_secs(600);
/// Broadcasts that one member may be reminded of.
pub const REMINDERS_MAX: usize = 100;
/// The longest that a room's mode may be set for.
pub const MODE_FOR_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Words of a room's rules, those that refuse and those that hold together.
pub const WORDS_MAX: usize = 500;
/// Characters of one of them.
pub const WORD_CHARS_MAX: usize = 40;
/// Domains that a room's rules name.
pub const DOMAINS_MAX: usize = 100;
/// Messages of a room that wait for review; what would be held beyond that is refused `busy`.
pub const HELD_MAX: usize = 200;
/// Messages in one answer to `held`.
pub const HELD_PAGE_MAX: usize = 50;
/// How long what was deleted can be brought back. Then its text is erased.
pub const UNDO_WITHIN: Duration = Duration::from_secs(30);
/// Deleted messages of a room that can be brought back; beyond that a delete is for good at once.
pub const UNDO_MAX: usize = 200;
/// How long somebody who was put out stays out.
pub const KICK_FOR: Duration = Duration::from_secs(60);
/// Devices and networks of one person that a ban holds: those they were last seen with.
pub const BAN_TRACES_MAX: usize = 4;
/// People whose devices and networks a room remembers after they left.
pub const TRACED_MAX: usize = 2_048;
/// An account counts as new for so long.
pub const NEW_ACCOUNT: Duration = Duration::from_secs(24 * 3_600);
/// The highest target of a slow mode that follows the talk, in messages a second.
pub const SLOW_TARGET_MAX: u32 = 100;
/// Characters of a reason given with a mute or ban.
pub const REASON_CHARS_MAX: usize = 200;
/// A client frame that is not signalling.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// A signalling frame (it carries an SDP).
pub const SIGNALLING_BYTES_MAX: usize = 256 * 1024;
/// An offer or answer by HTTP.
pub const SDP_BYTES_MAX: usize = 256 * 1024;
/// The body of any other REST request.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The body that a check of one's line uploads.
pub const CHECK_BYTES_MAX: usize = 1024 * 1024;
/// Such uploads at once, of everybody; more are refused `busy`, so that they never crowd out the room.
pub const CHECKS_AT_ONCE: usize = 4;
/// How long one may take: whoever is slower is told by then how slow that is.
pub const CHECK_WITHIN: Duration = Duration::from_secs(4);
/// Checks of the way to the media port that one egress answers in a second.
pub const PROBES_PER_SECOND: u32 = 500;
/// Frames in one JSON array.
pub const BATCH_FRAMES_MAX: usize = 64;
/// Rooms that one connection may be in.
pub const ROOMS_PER_CONNECTION_MAX: usize = 32;
/// WebSocket connections of one client address: one IPv4 address, or one IPv6 /64. A lecture hall
/// or a provider's NAT stays far below; a single address holds a fifth of the 20,000 descriptors
/// that a process commonly has, and no more.
pub const CONNECTIONS_PER_ADDRESS_MAX: u32 = 4_096;
/// Requests of one connection that wait for their answer.
pub const IN_FLIGHT_MAX: usize = 64;

/// Characters of a card's title, place or file name.
pub const CARD_TITLE_CHARS_MAX: usize = 120;
/// Characters of a price, as it is to be read.
pub const CARD_PRICE_CHARS_MAX: usize = 40;
/// Characters of what is to be seen in a picture.
pub const CARD_ALT_CHARS_MAX: usize = 400;
/// Bytes of an address on a card.
pub const CARD_URL_BYTES_MAX: usize = 2_048;
/// Points of a voice note's loudness.
pub const VOICE_PEAKS_MAX: usize = 64;
/// A picture as it is uploaded.
pub const IMAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Its pixels: the camera of a phone has 12 to 50 million.
pub const IMAGE_PIXELS_MAX: u64 = 50_000_000;
/// The longer side of a picture as it is kept, and of its preview.
pub const IMAGE_SIDE_MAX: u32 = 2_560;
pub const PREVIEW_SIDE_MAX: u32 = 480;
/// Frames of a moving picture, and the pixels of all of them.
pub const IMAGE_FRAMES_MAX: usize = 400;
pub const IMAGE_FRAMES_PIXELS_MAX: u64 = 200_000_000;
pub const VOICE_BYTES_MAX: usize = 1024 * 1024;
pub const VOICE_MAX: Duration = Duration::from_secs(60);
pub const FILE_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Uploads at once, of everybody: each holds what arrived in memory. More are refused `busy`.
pub const UPLOADS_AT_ONCE: usize = 8;
/// How long one may take.
pub const UPLOAD_WITHIN: Duration = Duration::from_secs(120);
/// Pictures that are decoded at once: each takes up to 4 bytes a pixel, twice, and a core.
pub const DECODES_AT_ONCE: usize = 2;
/// Uploads of one member in a minute.
pub const UPLOADS_PER_MINUTE: u32 = 20;
/// An upload that nobody said is removed after this; it may be said for a little less.
pub const BLOB_UNSAID_KEPT: Duration = Duration::from_secs(3_600);
pub const BLOB_SAID_WITHIN: Duration = Duration::from_secs(3_000);
/// What one room, and the whole server, keeps of uploads, in MiB.
pub const BLOBS_ROOM_MIB_MAX: u64 = 2_048;
pub const BLOBS_ALL_MIB_MAX: u64 = 20_480;

/// Characters of Markdown that become one doc.
pub const MARKDOWN_CHARS_MAX: usize = 20_000;
/// Topics about moments that the summary of a broadcast lists.
pub const MOMENTS_LISTED: usize = 200;
/// Pictures and voice notes that one text in Markdown shows, each counted once.
pub const MARKDOWN_MEDIA_MAX: usize = 8;
/// What one member may have uploaded for topics that are not started yet.
pub const DRAFT_BLOBS_MAX: u32 = 32;
/// Quotes and lists within each other, and strong, emphasis, strike and links within each other. What is
/// deeper stands flat in the innermost of them. Both together are less JSON than serde reads by itself.
pub const DOC_BLOCKS_DEEP_MAX: usize = 12;
pub const DOC_INLINES_DEEP_MAX: usize = 8;
/// Parts of one doc: blocks, items, rows, cells and inlines. What comes after them is one text. A list as
/// long as Markdown may be, of items of four characters, is still below it.
pub const DOC_PARTS_MAX: usize = 10_000;
/// Bytes of an address that is linked to.
pub const LINK_BYTES_MAX: usize = 2_048;
/// Characters of what a block of code says it is written in.
pub const CODE_LANG_CHARS_MAX: usize = 32;

/// Records in the snapshot of a fresh join.
pub const SNAPSHOT_RECORDS: usize = 50;
/// Records in one page of a resume or of the history.
pub const PAGE_RECORDS_MAX: usize = 200;
/// Records that a resume replays; beyond this it answers *gap*.
pub const RESUME_RECORDS_MAX: usize = 2_000;

/// Silence after which the server pings.
pub const PING_AFTER: Duration = Duration::from_secs(25);
/// Silence after which a connection is dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(60);
/// A connection that has not said hello by then is closed with 4500.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A connection that is opened before it is known whether it is needed says ping first: then hello has so long.
pub const HELLO_AHEAD_WITHIN: Duration = Duration::from_secs(120);
/// A request head (and the TLS handshake, where there is one) must be complete by then.
pub const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// TLS connections at once whose handshake, with the first request after it, is not over: a flood of
/// handshakes leaves half of the places for HTTP to those who are through.
pub const HANDSHAKES_MAX: usize = 4_096;
/// Bytes of a request head.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// A socket that takes nothing for so long is closed with 4008.
pub const BLOCKED_CLOSED_AFTER: Duration = Duration::from_secs(15);

/// A room where nobody is and nothing is due gives its memory back after so long (`rooms.rest_ms`).
pub const ROOM_REST_MS: u64 = 60_000;
/// Messages a second that a viewer is shown before sampling begins. 0 turns sampling off.
pub const READABLE_RATE: u32 = 20;
/// Above it what is said is gathered for so long, and a part of it shown at once.
pub const READABLE_EVERY: Duration = Duration::from_millis(500);
/// Sends of one turn of a pass, a third of a millisecond: what a message of a small room waits beside a large one is some
/// turns. With 256 it was 6.1 ms (p50) instead of 3.4; what comes between two turns is a hundredth of one.
pub const TURN_SENDS: usize = 64;
/// Members up to which a room shows its whole roster.
pub const ROSTER_MEMBERS_MAX: usize = 200;
/// Names that one page of `who` is looked for in: the next page goes on behind them.
pub const WHO_SCANNED_MAX: usize = 1_000;
/// Characters by which somebody is sought.
pub const WHO_CHARS_MAX: usize = 40;
/// How long a member who left still counts as here.
pub const REJOIN_GRACE: Duration = Duration::from_secs(10);
/// How long the media of a connection that broke off goes on, for the next one to take over.
pub const PEER_GRACE: Duration = REJOIN_GRACE;
/// Peers of one member that go on so at one time; the oldest end first.
pub const PEERS_ALONE_MAX: usize = 4;
/// How often presence and counts are announced at most.
pub const PRESENCE_EVERY: Duration = Duration::from_secs(1);
/// How often bursts (hearts) are announced at most.
pub const BURST_EVERY: Duration = Duration::from_millis(500);
/// Hearts that one frame may carry.
pub const BURST_COUNT_MAX: u32 = 50;

/// How long a broadcast stays live without its publisher.
pub const HOST_GRACE: Duration = Duration::from_secs(60);
/// How long a paused broadcast waits before it ends.
pub const PAUSED_ENDS_AFTER: Duration = Duration::from_secs(600);
/// How long a room says that its broadcast is over, before it is quiet again.
pub const ENDED_ARCHIVED_AFTER: Duration = Duration::from_secs(12 * 3_600);
/// How long a page that asks for the next list of rooms waits for it.
pub const LIST_WAIT: Duration = Duration::from_secs(20);
/// Longest drain on shutdown.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How soon a change of rights reaches open connections.
pub const RIGHTS_WITHIN: Duration = Duration::from_secs(1);
/// Difference of clocks that a token is allowed.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(30);

/// What a viewer says of how it watched is taken at most so often from one connection.
pub const WATCHED_EVERY: Duration = Duration::from_secs(10);
/// The longest that one such word may be about: a page in the background is woken once a minute.
pub const WATCHED_FOR_MAX: Duration = Duration::from_secs(600);
/// Stalls in it, packets of it that came and that were lost, and the height of its picture in pixels.
pub const WATCHED_STALLS_MAX: u32 = 10_000;
pub const WATCHED_PACKETS_MAX: u32 = 10_000_000;
pub const WATCHED_HEIGHT_MAX: u16 = 8_640;
/// From the tap to the first picture. Who waits longer has gone.
pub const FIRST_FRAME_MAX: Duration = Duration::from_secs(120);
/// From the camera to the screen.
pub const BEHIND_MAX: Duration = Duration::from_secs(60);
/// Rooms of which it is told at once how they are watched; words about others are counted only.
pub const WATCHED_ROOMS_MAX: usize = 256;
/// How long it is told after the last word about a room: its viewers say one each minute.
pub const WATCHED_KEPT: Duration = Duration::from_secs(300);
/// How long the end of a token may go unnoticed by the media that it let in.
pub const EXPIRY_WITHIN: Duration = Duration::from_secs(1);

/// GOP cache of one track or layer.
pub const GOP_CACHE_MAX: Duration = Duration::from_secs(2);
pub const GOP_CACHE_BYTES_MAX: usize = 512 * 1024;
/// How often a host is told how the media arrives.
pub const HEALTH_EVERY: Duration = Duration::from_secs(2);
/// Viewers of one media shard.
pub const VIDEO_VIEWERS_PER_SHARD_MAX: usize = 1_000;
pub const AUDIO_VIEWERS_PER_SHARD_MAX: usize = 5_000;
/// From so many viewers of a room without a picture at one shard on, sound leaves in pairs: heard some 65 ms later,
/// and a third more of them for each core.
pub const SOUND_PAIRED_FROM: usize = 1_000;
/// Who finds every place taken asks again after this.
pub const VIEW_LINE_ASK: Duration = Duration::from_secs(5);
/// Who has not asked again by then has lost their place in the line. Pages that nobody looks at ask
/// late.
pub const VIEW_LINE_KEPT: Duration = Duration::from_secs(15);
/// People whose place in that line is kept; whoever comes after them is told no place.
pub const VIEW_LINE_MAX: usize = 10_000;
/// Event streams of one viewer by WHEP; its oldest ends for one more.
pub const EVENT_STREAMS_PER_VIEWER_MAX: usize = 4;
/// Viewers that have some; more are refused `busy`.
pub const EVENT_VIEWERS_MAX: usize = 4_096;
/// Those that are read at once: a quarter of the HTTP connections that there may be.
pub const EVENT_READERS_MAX: usize = 2_048;
/// The same of one client address.
pub const EVENT_READERS_PER_ADDRESS_MAX: u32 = 256;
/// How often an event stream says numbers alone: what layers take, how many watch.
pub const EVENT_NUMBERS_EVERY: Duration = Duration::from_secs(5);
/// A stream that has said nothing for so long says so, for whatever stands between.
pub const EVENT_SILENT_MAX: Duration = Duration::from_secs(15);
/// A keyframe is asked of the publisher at most so often per track.
pub const PLI_EVERY: Duration = Duration::from_millis(500);

/// Wishes that wait in a room's inbox; a full inbox answers `busy` at once.
pub const ROOM_INBOX_MAX: usize = 4_096;
/// Wishes of those who run the room, and comings and goings, that wait before all of these. As many
/// decided things of theirs may wait for the disk beyond what the room takes of others.
pub const ROOM_INBOX_FIRST_MAX: usize = 1_024;
/// Records of one group commit.
pub const COMMIT_RECORDS_MAX: usize = 256;
/// A viewer's ring on its shard.
pub const RING_FRAMES_MAX: usize = 2_048;
pub const RING_BYTES_MAX: usize = 1024 * 1024;
/// Answers that wait for one blocked socket.
pub const ANSWERS_BYTES_MAX: usize = 256 * 1024;

/// Failed sign-ins of one account and address in [`SIGN_IN_WINDOW`].
pub const SIGN_IN_TRIES_MAX: u32 = 10;
pub const SIGN_IN_WINDOW: Duration = Duration::from_secs(60);
pub const PASSWORD_CHARS_MIN: usize = 8;
pub const PASSWORD_CHARS_MAX: usize = 200;

/// The dictionary that frames are deflated behind; a client that has it says so in `hello`.
pub const DICTIONARY: u32 = 1;
/// A shorter text goes as it is: around it lie 40 bytes of IP and TCP, whatever it is.
pub const DEFLATED_BYTES_MIN: usize = 128;
/// A longer text goes as it is, and a message that becomes longer is not one of ours.
pub const INFLATED_BYTES_MAX: usize = 1024 * 1024;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "weiquan.v1.json";
