//! The account with the authority: made once, kept, and made anew where the authority forgot it.

use instant_acme::{Account, NewAccount};

use crate::{
    Settings,
    client::Client,
    fault::Fault,
    kept::{self, Kept},
};

/// An authority, as somebody with an account sees it.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) directory: String,
    contact: Option<String>,
    pub(crate) client: Client,
    pub(crate) kept: Kept,
}

impl Authority {
    pub(crate) fn new(settings: &Settings, kept: Kept) -> Result<Self, Fault> {
        Ok(Self {
            directory: settings.directory.clone(),
            contact: settings.contact.as_ref().map(|it| format!("mailto:{it}")),
            client: Client::new(settings.directory_ca.as_deref())?,
            kept,
        })
    }

    /// The kept account, or a new one.
    pub(crate) async fn account(&self) -> Result<Account, Fault> {
        match self.on_disk(Kept::account).await? {
            Some(kept) => self.restore(kept).await,
            None => self.make_account().await,
        }
    }

    async fn restore(&self, kept: kept::Account) -> Result<Account, Fault> {
        let is_known = kept.contact == self.contact;
        let account = Account::builder_with_http(Box::new(self.client.clone()))
            .from_credentials(kept.credentials)
            .await
            .map_err(|error| self.fault(error))?;
        if !is_known {
            let told = account.update_contacts(&self.contacts()).await;
            told.map_err(|error| self.fault(error))?;
            let contact = self.contact.clone();
            self.on_disk(move |kept| match kept.account()? {
                Some(account) => kept.keep_account(&kept::Account { contact, ..account }),
                None => Ok(()),
            })
            .await?;
        }
        Ok(account)
    }

    /// A new account, in place of any that was kept. Whoever chose this mode agreed to the terms.
    pub(crate) async fn make_account(&self) -> Result<Account, Fault> {
        let wish = NewAccount {
            contact: &self.contacts(),
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = Account::builder_with_http(Box::new(self.client.clone()))
            .create(&wish, self.directory.clone(), None)
            .await
            .map_err(|error| self.fault(error))?;
        let kept = kept::Account {
            contact: self.contact.clone(),
            credentials,
        };
        self.on_disk(move |it| it.keep_account(&kept)).await?;
        Ok(account)
    }

    /// Waits for the disk on a thread that may wait.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Kept) -> Result<T, kept::KeptError> + Send + 'static,
    ) -> Result<T, Fault> {
        let kept = self.kept.clone();
        let done = tokio::task::spawn_blocking(move || run(&kept)).await;
        Ok(done.map_err(|error| Fault::Interrupted(error.to_string()))??)
    }

    pub(crate) fn fault(&self, error: instant_acme::Error) -> Fault {
        Fault::from_client(error, &self.directory)
    }

    fn contacts(&self) -> Vec<&str> {
        self.contact.as_deref().into_iter().collect()
    }
}
