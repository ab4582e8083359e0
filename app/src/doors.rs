//! The two doors between whoever asks and the database, for pages and API alike. Permission, transaction and
//! audit happen here and cannot be forgotten, because the pool is nowhere else to be had.
//!
//! **Invariant:** nothing changes without an entry in the audit log, in the same transaction. Nothing in a
//! body may call the outside world: the transaction is open.

use std::ops::{Deref, DerefMut};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use domain::access::{Action, Caller, Place, Subject, User};
use domain::ids::RequestId;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::pages::error::Error;
use crate::vault::Vault;

/// Who is asking, and when.
#[derive(Clone)]
pub struct Context {
    pub db: PgPool,
    pub caller: Caller,
    pub now: DateTime<Utc>,
    /// Of the installation; it dates the numbers of the ledgers.
    pub zone: Tz,
    /// The request that its sender may repeat, where it carries an `Idempotency-Key`.
    pub request: Option<RequestId>,
    /// Opens the secrets that the database keeps.
    pub vault: Vault,
}

/// An open change: the connection of its transaction, and what the audit log will say of it.
pub struct Change {
    tx: Transaction<'static, Postgres>,
    subject: Subject,
    details: Map<String, Value>,
    /// What else was changed beside the subject.
    beside: Vec<(Subject, Map<String, Value>)>,
}

impl Context {
    /// Looks something up for somebody who may do so at some place.
    ///
    /// # Errors
    /// [`Error::Lacking`] before the body runs; else what the body says.
    pub async fn read<T>(
        &self,
        action: Action,
        body: impl AsyncFnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.enter(action)?;
        body(self).await
    }

    /// Changes something for somebody who may: all of it or nothing, with an entry in the audit log. The body
    /// calls [`Context::require`] once it knows the place, and tells [`Change`] what changed.
    ///
    /// # Errors
    /// [`Error::Lacking`] before the body runs; else what the body says, and then nothing has changed.
    pub async fn write<T>(
        &self,
        action: Action,
        subject: impl Into<Subject>,
        body: impl AsyncFnOnce(&Self, &mut Change) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.enter(action)?;
        let tx = self.db.begin().await.map_err(store::Error::from)?;
        let mut change =
            Change { tx, subject: subject.into(), details: Map::new(), beside: Vec::new() };
        let res = body(self, &mut change).await?;
        let Change { mut tx, subject, details, beside } = change;
        if let Some(request) = self.request {
            store::idempotency::carried_out(&mut tx, request).await?;
        }
        for (subject, details) in std::iter::once((subject, details)).chain(beside) {
            let actor = self.caller.actor();
            store::audit::record(&mut tx, &actor, action, &subject, details, self.now).await?;
        }
        tx.commit().await.map_err(store::Error::from)?;
        Ok(res)
    }

    /// For a look at several things, one after the other.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where none is to be had.
    pub async fn connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        Ok(self.db.acquire().await.map_err(store::Error::from)?)
    }

    /// Today, as the numbers of the ledgers are dated.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// The moment with which a day begins, as the ledgers date days.
    pub fn begin_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = self.zone.from_local_datetime(&day.and_time(NaiveTime::MIN));
        midnight.earliest().map_or(DateTime::<Utc>::MAX_UTC, |it| it.with_timezone(&Utc))
    }

    /// Whether the caller may do it here, for what is shown or not.
    pub fn may(&self, action: Action, place: &Place<'_>) -> bool {
        self.caller.may(action, place, self.now)
    }

    /// The second look, once it is known whose service it is and whether a database is touched.
    ///
    /// # Errors
    /// [`Error::Lacking`].
    pub fn require(&self, action: Action, place: &Place<'_>) -> Result<(), Error> {
        if self.may(action, place) { Ok(()) } else { Err(Error::Lacking(action)) }
    }

    /// The person who asks; judgements are people's.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a machine.
    pub fn user(&self) -> Result<&User, Error> {
        self.caller.user().ok_or(Error::Forbidden)
    }

    /// Whether the caller may do it at some place; a stranger learns nothing else first.
    pub(crate) fn enter(&self, action: Action) -> Result<(), Error> {
        if self.caller.may_somewhere(action, self.now) {
            Ok(())
        } else {
            Err(Error::Lacking(action))
        }
    }
}

impl Change {
    /// Names what was acted upon where that is known only now, as the number of something new.
    pub fn about(&mut self, subject: impl Into<Subject>) {
        self.subject = subject.into();
    }

    /// Says in the audit log what changed. Never a secret.
    pub fn detail(&mut self, name: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_else(|it| Value::String(it.to_string()));
        self.details.insert(name.to_owned(), value);
    }

    /// Something else that came about with it and has an entry of its own, as a re-test that a failure opens.
    pub fn beside(&mut self, subject: impl Into<Subject>, details: Map<String, Value>) {
        self.beside.push((subject.into(), details));
    }
}

impl Deref for Change {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
