//! Letters by SMTP (RFC 5321), handed to the one server that the operator named. It is not a mail
//! server: that one signs, queues for the world and knows what bounced.
//!
//! Every letter has a plain text beside its HTML, says that a program wrote it (RFC 3834) and, where
//! one may stop such letters, how to do so with one click (RFC 8058).

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error as SmtpError, PoolConfig,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};

/// One command and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A whole letter, with the connection that may have to be made for it.
const LETTER_WITHIN: Duration = Duration::from_secs(60);
/// Connections to the mail server at once.
const AT_ONCE: u32 = 2;
/// Bytes of the file that holds the password.
const PASSWORD_BYTES_MAX: usize = 1_024;
/// Characters of an address: 64 before the @ and 255 after it at most (RFC 5321 4.5.3.1), and with
/// its brackets no more than a path has.
pub const ADDRESS_BYTES_MAX: usize = 254;

/// How the way to the mail server is kept secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrecy {
    /// From the first byte (RFC 8314), usually on port 465.
    Tls,
    /// Asked for before anything is said, and insisted upon (RFC 3207), usually on port 587.
    #[default]
    StartTls,
    /// Not at all: for a mail server on this machine.
    Off,
}

/// Which mail server, and as whom.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Its name: what its certificate must be for.
    pub host: String,
    pub port: u16,
    pub secrecy: Secrecy,
    /// PEM: who vouches for it, where that is nobody the machine knows.
    pub ca: Option<PathBuf>,
    /// Whom to sign in as; nobody where it is empty.
    pub user: String,
    /// Its first line is the password.
    pub password_file: PathBuf,
    /// `name@example.org` or `Name <name@example.org>`.
    pub from: String,
    /// How this server calls itself there (RFC 5321 4.1.1.1).
    pub hello: String,
}

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("mail.from = {0}: it is an address of e-mail, or Name <address>")]
    From(String),
    #[error("mail.password_file = {path}: {error}")]
    Password { path: String, error: io::Error },
    #[error("mail.ca = {path}: {why}")]
    Ca { path: String, why: String },
}

/// One letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The same letter, tried again, has the same one: left of the @ in its Message-ID.
    pub id: String,
    /// Where a POST ends letters of this kind, and a person may do so by hand.
    pub stop: Option<String>,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    Taken,
    /// Not now: the mail server puts this letter off.
    Later(String),
    /// The mail server, the way to it, or what the operator wrote of it is at fault: another letter would
    /// not go either.
    NobodyThere(String),
    /// Never so: the mail server will not have this letter to this address.
    Refused(String),
}

/// Sends letters, a few at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// An address as it is written to: trimmed, in one form. `None` where it is none.
pub fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = text.len() <= ADDRESS_BYTES_MAX && !text.contains(['"', '[', '\\']);
    let parsed: Address = text.parse().ok().filter(|_| fits)?;
    let (user, domain) = (parsed.user(), parsed.domain());
    // A name without a dot is one of a network of its own, and `localhost` is this server.
    let outside = domain.contains('.') && !domain.ends_with('.');
    outside.then(|| format!("{user}@{}", domain.to_lowercase()))
}

impl Mailer {
    /// Reads the password and the authorities; asks nobody yet.
    pub fn new(settings: &MailSettings) -> Result<Self, MailError> {
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|_| MailError::From(settings.from.clone()))?;
        let secrecy = match settings.secrecy {
            Secrecy::Off => Tls::None,
            Secrecy::StartTls => Tls::Required(trusted(settings)?),
            Secrecy::Tls => Tls::Wrapper(trusted(settings)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(secrecy)
            .timeout(Some(ANSWER_WITHIN))
            .hello_name(hello(&settings.hello))
            .pool_config(PoolConfig::new().max_size(AT_ONCE));
        if !settings.user.is_empty() {
            let password = password(&settings.password_file)?;
            builder = builder.credentials(Credentials::new(settings.user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    /// Hands a letter over. It ends within a minute.
    pub async fn send(&self, letter: &Letter) -> Posted {
        let message = match self.message(letter) {
            Ok(it) => it,
            Err(why) => return Posted::Refused(why),
        };
        match tokio::time::timeout(LETTER_WITHIN, self.transport.send(message)).await {
            Ok(Ok(_)) => Posted::Taken,
            Ok(Err(error)) => judge(&error),
            Err(_) => Posted::NobodyThere("the mail server does not answer".into()),
        }
    }

    /// Connects and signs in, and sends nothing.
    pub async fn look(&self) -> Result<(), String> {
        let looked = self.transport.test_connection();
        match tokio::time::timeout(LETTER_WITHIN, looked).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("it hung up".into()),
            Ok(Err(error)) => Err(in_words(&error)),
            Err(_) => Err("it does not answer".into()),
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, String> {
        let to: Address = letter
            .to
            .parse()
            .map_err(|_| format!("{} is no address", letter.to))?;
        let id = format!("<{}@{}>", letter.id, self.from.email.domain());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .message_id(Some(id))
            .date_now()
            .raw_header(raw("Auto-Submitted", "auto-generated".into()));
        if let Some(stop) = &letter.stop {
            builder = builder
                .raw_header(raw("List-Unsubscribe", format!("<{stop}>")))
                .raw_header(raw(
                    "List-Unsubscribe-Post",
                    "List-Unsubscribe=One-Click".into(),
                ));
        }
        let body = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        builder.multipart(body).map_err(|it| it.to_string())
    }
}

/// A host is a name, or an address in brackets (RFC 5321 4.1.3).
fn hello(host: &str) -> ClientId {
    match host.parse() {
        Ok(IpAddr::V4(it)) => ClientId::Ipv4(it),
        Ok(IpAddr::V6(it)) => ClientId::Ipv6(it),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn trusted(settings: &MailSettings) -> Result<TlsParameters, MailError> {
    let path = settings.ca.as_deref().unwrap_or(Path::new(""));
    let unfit = |why: String| MailError::Ca {
        path: path.display().to_string(),
        why,
    };
    let mut builder = TlsParameters::builder(settings.host.clone());
    if settings.ca.is_some() {
        // A file without any certificate is no fault to the other library.
        tls::trusting(path).map_err(|it| unfit(it.to_string()))?;
        let pem = fs::read(path).map_err(|it| unfit(it.to_string()))?;
        let vouching = Certificate::from_pem(&pem).map_err(|it| unfit(it.to_string()))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(vouching);
    }
    builder.build().map_err(|it| unfit(it.to_string()))
}

fn password(path: &Path) -> Result<String, MailError> {
    let failed = |error| MailError::Password {
        path: path.display().to_string(),
        error,
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > PASSWORD_BYTES_MAX {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "its first line is the password, and there is none that fits",
        )));
    }
    Ok(line.to_owned())
}

/// An answer is about the letter and its address, but for 421, which hangs up (RFC 5321 3.8), and 530
/// to 538, which are about who we are (RFC 4954 6).
fn judge(error: &SmtpError) -> Posted {
    let words = in_words(error);
    let Some(code) = error.status() else {
        return Posted::NobodyThere(words);
    };
    match u16::from(code) {
        421 | 530..=538 => Posted::NobodyThere(words),
        500.. => Posted::Refused(words),
        _ => Posted::Later(words),
    }
}

/// With its causes: the outer one alone says "Connection error".
fn in_words(error: &SmtpError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        let more = it.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = it.source();
    }
    without_addresses(&words)
}

/// A mail server likes to name the mailbox that it refuses, and these words go to the log.
fn without_addresses(words: &str) -> String {
    let shown = |it| {
        if str::contains(it, '@') {
            "…@…"
        } else {
            it
        }
    };
    let shown: Vec<&str> = words.split_whitespace().map(shown).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MailSettings {
        MailSettings {
            host: "mail.example".into(),
            port: 587,
            secrecy: Secrecy::Off,
            ca: None,
            user: String::new(),
            password_file: PathBuf::new(),
            from: "读书会 <live@circle.example>".into(),
            hello: "circle.example".into(),
        }
    }

    fn letter() -> Letter {
        Letter {
            to: "ann@example.org".into(),
            subject: "周舟 回复了你".into(),
            text: "你好\n".into(),
            html: "<p>你好</p>".into(),
            id: "n-7".into(),
            stop: Some("https://circle.example/mail/stop?of=m_1&seal=x".into()),
        }
    }

    #[test]
    fn an_address_is_brought_into_one_form_or_is_none() {
        assert_eq!(address(" Ann@Example.ORG "), Some("Ann@example.org".into()));
        let long = format!("{}@example.org", "a".repeat(ADDRESS_BYTES_MAX));
        for none in [
            "",
            "ann",
            "ann@",
            "@example.org",
            "ann@localhost",
            "ann@[127.0.0.1]",
            "ann@example.org.",
            "a b@example.org",
            "ann@example.org\r\nBcc: bob@example.org",
            "\"a\"@example.org",
            &long,
        ] {
            assert_eq!(address(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn a_letter_says_who_wrote_it_and_how_to_stop_it() {
        let mailer = Mailer::new(&settings()).expect("good");
        let text = mailer.message(&letter()).expect("whole").formatted();
        let text = String::from_utf8(text).expect("seven bits");
        for told in [
            "To: ann@example.org\r\n",
            "Message-ID: <n-7@circle.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "List-Unsubscribe: <https://circle.example/mail/stop?of=m_1&seal=x>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "Date: ",
        ] {
            assert!(text.contains(told), "{told} in {text}");
        }
        assert!(text.is_ascii(), "names and words are encoded");
    }

    #[tokio::test]
    async fn words_cannot_become_headers() {
        let mailer = Mailer::new(&settings()).expect("good");
        let sly = Letter {
            subject: "hello\r\nBcc: bob@example.org".into(),
            stop: None,
            ..letter()
        };
        let text = mailer.message(&sly).expect("whole").formatted();
        let text = String::from_utf8(text).expect("seven bits");
        let (head, _) = text.split_once("\r\n\r\n").expect("a head");
        assert!(
            !head
                .lines()
                .any(|it| it.to_ascii_lowercase().starts_with("bcc:")),
            "{head}"
        );
        assert!(!head.contains("List-Unsubscribe"), "{head}");
    }

    #[test]
    fn a_server_without_a_name_says_its_address_as_one() {
        assert_eq!(hello("127.0.0.1").to_string(), "[127.0.0.1]");
        assert_eq!(hello("::1").to_string(), "[IPv6:::1]");
        assert_eq!(hello("live.example").to_string(), "live.example");
    }

    #[test]
    fn nobodys_address_goes_to_the_log() {
        assert_eq!(
            without_addresses("permanent error (550): <ann@example.org>: no such mailbox"),
            "permanent error (550): …@… no such mailbox"
        );
    }

    #[tokio::test]
    async fn what_the_operator_wrote_wrongly_is_named() {
        let wrong = |it: MailSettings| Mailer::new(&it).expect_err("refused").to_string();
        let from = wrong(MailSettings {
            from: "nobody".into(),
            ..settings()
        });
        assert!(from.contains("mail.from = nobody"), "{from}");
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::write(&empty, "\nsecond\n").unwrap();
        for path in [&empty, &folder.path().join("absent")] {
            let password = wrong(MailSettings {
                user: "weiquan".into(),
                password_file: path.clone(),
                ..settings()
            });
            assert!(password.contains("mail.password_file"), "{password}");
        }
        let ca = wrong(MailSettings {
            secrecy: Secrecy::StartTls,
            ca: Some(empty),
            ..settings()
        });
        assert!(ca.contains("mail.ca"), "{ca}");
    }
}
