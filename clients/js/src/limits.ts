/**
 * The limits of the wire that a client needs, by the names of the server's `protocol::limits`
 * (a test compares the numbers), and the client's own.
 */

/** Characters of one message, after trimming. */
export const TEXT_CHARS_MAX = 4_000;
/** The same in a topic. */
export const MARKDOWN_CHARS_MAX = 20_000;
export const TAGS_MAX = 10;
export const TAG_CHARS_MAX = 40;
/** Messages that one topic is made of. */
export const TOPIC_QUOTES_MAX = 20;
/** Replies that are split into a topic at once. */
export const SPLIT_REPLIES_MAX = 200;
export const BOARD_ABOUT_CHARS_MAX = 200;
export const NAME_CHARS_MAX = 40;
export const TITLE_CHARS_MAX = 120;
/** The host's own words above the talk. */
export const PIN_CHARS_MAX = 400;
export const POLL_QUESTION_CHARS_MAX = 200;
export const POLL_OPTION_CHARS_MAX = 80;
export const POLL_OPTIONS_MIN = 2;
export const POLL_OPTIONS_MAX = 10;
/** People that one message may name. */
export const MENTIONS_MAX = 10;
export const REASON_CHARS_MAX = 200;
/** Something on a card: a title, a place, a file's name. */
export const CARD_TITLE_CHARS_MAX = 120;
export const IMAGE_BYTES_MAX = 10 * 1024 * 1024;
export const FILE_BYTES_MAX = 20 * 1024 * 1024;
export const VOICE_BYTES_MAX = 1024 * 1024;
export const VOICE_PEAKS_MAX = 64;
/** Pictures and voice notes that one text of a topic shows, each counted once. */
export const MARKDOWN_MEDIA_MAX = 8;
export const PASSWORD_CHARS_MIN = 8;
/** Requests that may wait for their answer. */
export const IN_FLIGHT_MAX = 64;
export const PAGE_RECORDS_MAX = 200;
/** Above so many people a room tells only their count. */
export const ROSTER_MEMBERS_MAX = 200;
/** Hearts of one frame. */
export const BURST_COUNT_MAX = 50;
export const SUBPROTOCOL = "weiquan.v1.json";
/** The dictionary that deflated messages of the server stand behind, and the longest text of one. */
export const DICTIONARY = 1;
export const INFLATED_BYTES_MAX = 1024 * 1024;

/** Messages kept in memory of one room; the oldest beyond it are fetched again when asked for. */
export const MESSAGES_KEPT_MAX = 10_000;
/** Messages of one room on their way at once: a long outbox must not fill the whole connection. */
export const SENDING_MAX = 16;
/** Records of one page when reading back. */
export const OLDER_RECORDS = 100;
/** "One is writing" is said again after so long. */
export const TYPING_EVERY_MS = 3_000;
/** Replies of one page of a thread. */
export const THREAD_RECORDS = 100;
/** Two heart frames are at least so far apart. */
export const HEARTS_EVERY_MS = 500;
