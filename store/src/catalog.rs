//! What concerns the catalog as a whole.

use sqlx::PgConnection;

use crate::Error;

/// Lets one import after the other look at the catalog and change it, until the transaction ends.
pub async fn lock(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('catalog'))").execute(tx).await?;
    Ok(())
}
