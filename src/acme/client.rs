//! How requests reach the authority: HTTPS, a deadline, an answer of bounded size, and an ear for how
//! long it wants to be left alone.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Limited;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::aws_lc_rs;
use tokio::time::timeout;

use crate::fault::Fault;

/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Chains have a few kilobytes; more is nothing that an authority has to say.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A client of one authority.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    answer_within: Duration,
    /// How long it asked to be left alone, last.
    asked: Arc<Mutex<Option<Duration>>>,
}

impl Client {
    /// Trusts whom the machine trusts, or only the given file.
    pub(crate) fn new(directory_ca: Option<&Path>) -> Result<Self, Fault> {
        let tls = match directory_ca {
            Some(path) => {
                let config = tls::trusting(path).map_err(|error| Fault::DirectoryCa {
                    path: path.display().to_string(),
                    error,
                })?;
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
            None => HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(aws_lc_rs::default_provider())
                .map_err(|error| Fault::NoRoots(error.to_string()))?,
        };
        let connector = tls.https_only().enable_http1().build();
        Ok(Self {
            http: Http::builder(TokioExecutor::new()).build(connector),
            answer_within: ANSWER_WITHIN,
            asked: Arc::default(),
        })
    }

    /// How long the authority asked to be left alone since this was asked last.
    pub(crate) fn take_asked(&self) -> Option<Duration> {
        self.asked().take()
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Option<Duration>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let within = self.answer_within;
        let answered = timeout(within, self.http.request(request)).await;
        let Ok(answered) = answered else {
            return Err(Error::Other(format!("no answer within {within:?}").into()));
        };
        let response = answered.map_err(|error| Error::Other(error.into()))?;
        if matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            *self.asked() = retry_after(response.headers());
        }
        Ok(bounded(response))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().ask(request))
    }
}

/// A longer answer is an error when it is read.
fn bounded<B>(response: Response<B>) -> BytesResponse
where
    BytesResponse: From<Response<Limited<B>>>,
{
    response
        .map(|body| Limited::new(body, ANSWER_BYTES_MAX))
        .into()
}

/// `Retry-After` in seconds; as a date it is too rare to read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn an_answer_has_an_end() {
        let read = async |bytes: usize| {
            let body = Full::new(Bytes::from(vec![b' '; bytes]));
            bounded(Response::new(body)).body.into_bytes().await
        };
        assert_eq!(
            read(ANSWER_BYTES_MAX).await.unwrap().len(),
            ANSWER_BYTES_MAX
        );
        assert!(read(ANSWER_BYTES_MAX + 1).await.is_err());
    }

    #[tokio::test]
    async fn an_authority_that_says_nothing_is_given_up() {
        // The kernel takes the connection; nobody ever answers on it.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        let client = Client {
            answer_within: Duration::from_millis(50),
            ..Client::new(Some(&path)).unwrap()
        };
        let request = Request::builder()
            .uri(format!("https://{}/dir", silent.local_addr().unwrap()))
            .body(BodyWrapper::default())
            .unwrap();
        let error = client.request(request).await.err().unwrap().to_string();
        assert_eq!(error, "no answer within 50ms");
    }

    #[test]
    fn a_file_that_vouches_for_nobody_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let wrong = || Client::new(Some(&path)).err().unwrap().to_string();
        assert!(wrong().contains("ca.pem"), "{}", wrong());
        std::fs::write(&path, "nothing").unwrap();
        assert!(wrong().contains("ca.pem"), "{}", wrong());
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        assert!(Client::new(Some(&path)).is_ok());
    }

    #[test]
    fn seconds_to_wait_are_understood() {
        let asks = |text: &'static str| {
            let value = http::HeaderValue::from_static(text);
            retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]))
        };
        assert_eq!(asks(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(asks("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }
}
