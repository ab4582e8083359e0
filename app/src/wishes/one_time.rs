//! Wishes about one-time codes, and the door that asks for one.

use domain::access::{Action, Subject};
use domain::fields::Fault;
use domain::ids::{ServiceId, UserId};
use domain::one_time::Judgement;
use totp_rs::{Builder, Secret, Totp};

use crate::doors::{Change, Context};
use crate::pages::error::Error;
use crate::wishes::users;

/// Bytes; RFC 4226 recommends as many as SHA-1 gives.
const LENGTH: usize = 20;

/// What a person puts into the program that makes the codes.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Base32.
    pub secret: String,
    /// `otpauth://totp/…`, which such programs open.
    pub url: String,
}

/// Makes a key for whoever asks. It counts once a code of it has been right.
///
/// # Errors
/// [`Fault::WrongPassword`]; [`Fault::Taken`] of `otp` while a confirmed one stands.
pub async fn enrol(cx: &Context, password: String) -> Result<(), Error> {
    let user = cx.user()?.clone();
    users::know_again(cx, "password", password).await?;
    let secret: [u8; LENGTH] = rand::random();
    let sealed = cx.vault.seal(&user.id.to_string(), &secret).map_err(internal)?;
    cx.write(Action::EditProfile, Subject::new("users", &user.name), async |cx, tx| {
        if !store::one_time_keys::offer(tx, user.id, &sealed, cx.now).await? {
            return Err(Error::field("otp", Fault::Taken));
        }
        tx.detail("one_time_key", "offered");
        Ok(())
    })
    .await
}

/// Shows the key that was offered and not confirmed yet; a confirmed one is never shown again.
pub async fn offered(cx: &Context) -> Result<Option<Enrolment>, Error> {
    let user = cx.user()?;
    let Some(kept) = store::one_time_keys::get(&cx.db, user.id).await? else { return Ok(None) };
    if kept.key.confirmed {
        return Ok(None);
    }
    let totp = totp(cx, user.id, &user.name, &kept.sealed)?;
    let url = totp.to_url().map_err(internal)?;
    Ok(Some(Enrolment { secret: totp.secret().to_base32(), url }))
}

/// The first right code confirms the key.
///
/// # Errors
/// As [`require`].
pub async fn confirm(cx: &Context, code: &str) -> Result<(), Error> {
    spend(cx, Some(code), Action::EditProfile, async |_, tx| {
        tx.detail("one_time_key", "confirmed");
        Ok(())
    })
    .await
}

/// Takes the key away, for whoever still has it. Who has lost it asks an administrator for a new password.
///
/// # Errors
/// As [`require`].
pub async fn remove(cx: &Context, code: &str) -> Result<(), Error> {
    let id = cx.user()?.id;
    spend(cx, Some(code), Action::EditProfile, async |_, tx| {
        store::one_time_keys::remove(tx, id).await?;
        tx.detail("one_time_key", "removed");
        Ok(())
    })
    .await
}

/// Asks for a code of a confirmed key before `action`, and spends it, whatever becomes of that.
///
/// # Errors
/// Of the field `otp`: [`Fault::Required`] without a code, [`Fault::NoKey`] without a key, [`Fault::WrongCode`],
/// [`Fault::TooManyCodes`].
pub async fn require(cx: &Context, action: Action, code: Option<&str>) -> Result<(), Error> {
    let user = cx.user()?;
    let kept = store::one_time_keys::get(&cx.db, user.id).await?;
    if !kept.is_some_and(|it| it.key.confirmed) {
        return Err(Error::field("otp", Fault::NoKey));
    }
    spend(cx, code, action, async |_, tx| {
        tx.detail("one_time_code", "spent");
        Ok(())
    })
    .await
}

/// The same where the policy of the service asks for it.
///
/// # Errors
/// As [`require`].
pub async fn require_where_asked(
    cx: &Context,
    action: Action,
    service: Option<ServiceId>,
    code: Option<&str>,
) -> Result<(), Error> {
    let Some(service) = service else { return Ok(()) };
    match store::policies::for_service(&cx.db, service).await?.otp {
        true => require(cx, action, code).await,
        false => Ok(()),
    }
}

/// A wrong code is counted in a transaction of its own: what is refused leaves no other trace.
async fn spend(
    cx: &Context,
    code: Option<&str>,
    action: Action,
    then: impl AsyncFnOnce(&Context, &mut Change) -> Result<(), Error>,
) -> Result<(), Error> {
    // The request that asked for the code is not yet carried out when the code is.
    let cx = &Context { request: None, ..cx.clone() };
    let user = cx.user()?.clone();
    let code: String = code.unwrap_or_default().chars().filter(|it| !it.is_whitespace()).collect();
    if code.is_empty() {
        return Err(Error::field("otp", Fault::Required));
    }
    let judgement = cx
        .write(action, Subject::new("users", &user.name), async |cx, tx| {
            let kept = store::one_time_keys::lock(tx, user.id).await?;
            let kept = kept.ok_or_else(|| Error::field("otp", Fault::NoKey))?;
            let totp = totp(cx, user.id, &user.name, &kept.sealed)?;
            let step = totp.check(&code, cx.now.timestamp().cast_unsigned());
            let judgement = kept.key.judge(step, cx.now);
            match judgement {
                Judgement::Accepted { step } => {
                    store::one_time_keys::accept(tx, user.id, step, cx.now).await?;
                    then(cx, tx).await?;
                }
                Judgement::Wrong => {
                    store::one_time_keys::refuse(tx, user.id, cx.now).await?;
                    tx.detail("one_time_code", "wrong");
                }
                Judgement::Locked => tx.detail("one_time_code", "locked"),
            }
            Ok(judgement)
        })
        .await?;
    match judgement {
        Judgement::Accepted { .. } => Ok(()),
        Judgement::Wrong => Err(Error::field("otp", Fault::WrongCode)),
        Judgement::Locked => Err(Error::field("otp", Fault::TooManyCodes)),
    }
}

fn totp(cx: &Context, id: UserId, name: &str, sealed: &[u8]) -> Result<Totp, Error> {
    let secret = cx.vault.open(&id.to_string(), sealed).map_err(internal)?;
    let built = Builder::new()
        .with_secret(Secret::from(secret.as_slice()))
        .with_issuer(Some("Lifeboat".to_owned()))
        .with_account_name(name.to_owned())
        .build();
    built.map_err(internal)
}

pub(super) fn internal(error: impl std::fmt::Display) -> Error {
    tracing::error!("a one-time key: {error}");
    Error::Internal
}
