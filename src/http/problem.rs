//! How HTTP says no: `application/problem+json` (RFC 9457) with the codes of the socket.
//!
//! A [`Refusal`] becomes its status by its code; where HTTP has a status of its own for something
//! (405, 408 …) it is given beside. `Retry-After` and `WWW-Authenticate` follow from the code. What
//! went wrong inside is logged here and never told.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{Act, Code, Refusal, rest::Problem};
use store::{LogError, RowError};

use crate::actor::QuoteError;

/// Seconds after which to come again where the refusal does not say.
const RETRY_AFTER_S: u64 = 1;

/// A request that was refused.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    /// Boxed: a refusal is rare, and every handler's result carries room for it.
    refusal: Box<Refusal>,
}

/// What a handler answers.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: Code, say: impl Into<String>) -> Self {
        Refusal::new(code, say).into()
    }

    /// The same with a status that HTTP has for exactly this.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    pub(crate) fn malformed(say: impl Into<String>) -> Self {
        Self::new(Code::Malformed, say)
    }

    /// Something failed that should not have. The cause is for the operator alone.
    pub(crate) fn internal(what: &'static str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::new(Code::Internal, "the server failed; it has been noted")
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.refusal.code
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.status())
            .expect("the statuses of the codes are between 400 and 503");
        Self {
            status,
            refusal: Box::new(refusal),
        }
    }
}

impl From<RowError> for Failure {
    fn from(error: RowError) -> Self {
        match error {
            RowError::NotFound => Self::not_found("thing"),
            RowError::NameTaken => Self::new(Code::NameTaken, "this name is taken"),
            RowError::SlugTaken => Self::new(Code::SlugTaken, "this address is taken"),
            RowError::SetUpDone => Self::new(Code::SetUpDone, "this server is set up already"),
            RowError::Full => Self::new(Code::QuotaFull, "there is no space for it"),
            RowError::LastOwner => Self::new(Code::NotPermitted, "a circle needs an owner"),
            RowError::Nul => Self::malformed("a text holds a NUL character"),
            RowError::Unavailable => storage_unavailable(),
            RowError::Failed(cause) => Self::internal("a query failed", &cause),
        }
    }
}

impl From<QuoteError> for Failure {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Log(it) => it.into(),
            QuoteError::Read(it) => Self::internal("a stored record cannot be read", &it),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NoSuchRoom(_) => Self::not_found("room"),
            LogError::Busy => Refusal::new(Code::Busy, "too many reads wait")
                .after_ms(1_000)
                .into(),
            LogError::Failed(cause) => {
                tracing::error!(%cause, "reading the log failed");
                storage_unavailable()
            }
            LogError::Damaged { .. } => Self::internal("a record is damaged", &error),
        }
    }
}

fn storage_unavailable() -> Failure {
    Refusal::new(Code::StorageUnavailable, "the storage is unavailable")
        .after_ms(2_000)
        .into()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = self.refusal.code;
        metrics::counter!("weiquan_refusals_total", "door" => "http", "code" => code.as_str())
            .increment(1);
        let problem = Problem {
            kind: format!("urn:weiquan:problem:{}", code.as_str()),
            title: self
                .status
                .canonical_reason()
                .unwrap_or("Refused")
                .to_owned(),
            status: self.status.as_u16(),
            detail: self.refusal.say.clone(),
            code,
            act: self.refusal.act,
            ms: self.refusal.ms,
            place: self.refusal.place,
        };
        let body = serde_json::to_vec(&problem).expect("strings and numbers are always JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.refusal.act == Act::Retry {
            let seconds = self
                .refusal
                .ms
                .map_or(RETRY_AFTER_S, |ms| ms.div_ceil(1_000).max(1));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_and_the_headers_that_go_with_it() {
        for code in Code::ALL {
            let response = Failure::new(*code, "words").into_response();
            assert_eq!(response.status().as_u16(), code.status(), "{code:?}");
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(
                headers.contains_key(header::RETRY_AFTER),
                code.act() == Act::Retry
            );
            assert_eq!(
                headers.contains_key(header::WWW_AUTHENTICATE),
                code.status() == 401
            );
        }
        let response = Failure::from(Refusal::new(Code::Busy, "").after_ms(1_001)).into_response();
        assert_eq!(
            response.headers()[header::RETRY_AFTER],
            "2",
            "rounded up, never too early"
        );
    }
}
