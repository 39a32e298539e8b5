//! Mail (邮件): the address that a member is written to, and the links of letters. On the wire they are
//! the bodies of `/api/v1/mail` and `/api/v1/password`.

use serde::{Deserialize, Serialize};

use crate::notices::bodies;

bodies! {
    /// `GET /api/v1/mail`, and the answer to what changes it.
    Mail {
        /// Where this member is written to.
        address: Option<String>,
        /// An address that was sent a link, which was not opened yet.
        asked: Option<String>,
        /// False where the mail server refused the last letters to `address`, so that none go there until
        /// it is confirmed again.
        works: bool,
    }
    /// `PUT /api/v1/mail`: be written to there. A letter with a link goes to it; the link makes it count.
    MailWish {
        address: String,
        /// The language of the letters: `en`, `zh-CN` or `zh-TW`.
        lang: String,
    }
    /// `POST /api/v1/mail/confirm`: what stands after the `#` of the letter's link.
    MailLink {
        link: String,
    }
    /// `POST /api/v1/password/forgotten`: a link to the member's address, where there is one. The answer
    /// is the same where there is none.
    PasswordForgotten {
        name: String,
        /// The language of the letter.
        lang: String,
    }
    /// `PUT /api/v1/password`: a new password by the one that is.
    PasswordChange {
        current: String,
        password: String,
    }
    /// `POST /api/v1/password`: a new password by the letter's link.
    PasswordWish {
        link: String,
        password: String,
    }
}
