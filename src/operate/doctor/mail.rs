//! The mail server: whether it is there, is who it says it is, and knows us. No letter is sent.

use reach::Mailer;

use super::super::report::Check;
use crate::config::Config;

pub(super) async fn server(config: &Config) -> Check {
    let name = "e-mail";
    let Some(settings) = &config.mail else {
        return Check::ok(
            name,
            "off: members read their notices here, and nobody can set a forgotten password anew",
        );
    };
    let place = format!("{}:{}", settings.host, settings.port);
    let mailer = match Mailer::new(settings) {
        Ok(it) => it,
        Err(error) => {
            return Check::fail(name, error.to_string(), "mend [mail], or the file it names");
        }
    };
    match mailer.look().await {
        Ok(()) if settings.user.is_empty() => Check::ok(name, format!("{place} takes letters")),
        Ok(()) => Check::ok(name, format!("{place} takes letters of {}", settings.user)),
        Err(why) => Check::fail(
            name,
            format!("{place}: {why}"),
            "compare mail.server, mail.tls, mail.user and the password with what your mail provider \
             says; until then letters wait, and none is lost",
        ),
    }
}
