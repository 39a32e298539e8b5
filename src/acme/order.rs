//! One order: names are claimed, proved, and certified.

use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use tls::{Certificates, Pair};

use crate::{
    authority::Authority,
    fault::{self, Fault},
    made,
};

/// How often the authority is asked how far it is: after a quarter of a second, then more slowly, and
/// never before it wants to be asked.
const ASKING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// A new certificate and its key.
pub(crate) struct Issued {
    pub(crate) chain_pem: String,
    pub(crate) key_pem: String,
}

impl Issued {
    pub(crate) fn pair(&self) -> Result<Pair, Fault> {
        let pair = Pair::from_pem(self.chain_pem.as_bytes(), self.key_pem.as_bytes());
        pair.map_err(|error| Fault::Certificate(error.to_string()))
    }
}

/// Orders one certificate for all names. The answers to the authority's checks are shown meanwhile.
pub(crate) async fn order(
    authority: &Authority,
    names: &[String],
    shown: &Certificates,
) -> Result<Issued, Fault> {
    let said = |error| authority.fault(error);
    let mut order = begin(authority, names).await?;
    // However this ends, cut off in the middle too.
    let _answers = Answers(shown);
    prove(authority, &mut order, shown).await?;
    match order.poll_ready(&ASKING).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(unproved(authority, &mut order, None).await),
        Err(error) => return Err(unproved(authority, &mut order, Some(error)).await),
    }
    let request = made::request(names)?;
    order.finalize_csr(&request.csr).await.map_err(said)?;
    let chain_pem = order.poll_certificate(&ASKING).await.map_err(said)?;
    Ok(Issued {
        chain_pem,
        key_pem: request.key_pem,
    })
}

async fn begin(authority: &Authority, names: &[String]) -> Result<Order, Fault> {
    let names: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
    let wish = NewOrder::new(&names);
    let account = authority.account().await?;
    let begun = match account.new_order(&wish).await {
        Err(Error::Api(problem)) if fault::kind(&problem) == "accountDoesNotExist" => {
            tracing::warn!("the authority forgot the account: a new one is made");
            let account = authority.make_account().await?;
            account.new_order(&wish).await
        }
        begun => begun,
    };
    begun.map_err(|error| authority.fault(error))
}

/// The answers that are shown for one order.
struct Answers<'a>(&'a Certificates);

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.0.forget_answers();
    }
}

/// Shows an answer for each name that is not proved yet, and then says that it is there.
async fn prove(
    authority: &Authority,
    order: &mut Order,
    shown: &Certificates,
) -> Result<(), Fault> {
    let said = |error| authority.fault(error);
    let mut names = order.authorizations();
    while let Some(name) = names.next().await {
        let mut name = name.map_err(said)?;
        if name.status == AuthorizationStatus::Valid {
            continue;
        }
        let claimed = name.identifier().to_string();
        let Some(mut challenge) = name.challenge(ChallengeType::TlsAlpn01) else {
            return Err(Fault::NoWay);
        };
        let digest = challenge.key_authorization().digest();
        let (certificate, key) = made::answer(&claimed, digest.as_ref())?;
        shown.answer(&claimed, certificate, key)?;
        match challenge.set_ready().await {
            Ok(()) => {}
            Err(Error::Api(problem)) => return Err(Fault::of(Some(claimed), &problem)),
            Err(error) => return Err(said(error)),
        }
    }
    Ok(())
}

/// Which name was not proved, and why: the order itself does not say.
async fn unproved(authority: &Authority, order: &mut Order, error: Option<Error>) -> Fault {
    let mut names = order.authorizations();
    while let Some(Ok(mut name)) = names.next().await {
        let claimed = name.identifier().to_string();
        let Ok(state) = name.refresh().await else {
            continue;
        };
        if let Some(problem) = state.challenges.iter().find_map(|it| it.error.as_ref()) {
            return Fault::of(Some(claimed), problem);
        }
    }
    match error {
        Some(error) => authority.fault(error),
        None => Fault::NotReady,
    }
}
