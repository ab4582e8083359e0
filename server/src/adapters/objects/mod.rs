//! The object store that keeps evidence: a folder, or S3. A file is known by the SHA-256 of its bytes, is written
//! once, and never changes. Printed reports lie beside them under names of their own, written once, too.
//!
//! Its name is known only when it has come in. What is small is held until then; what is larger goes to a place for
//! incoming files, part by part, and is copied from there under its name, which the store does only where nothing has
//! that name. What was not kept is removed from there: at once, or by [`Objects::sweep`] where the process died.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::evidence::{LARGEST, NotKept, Sha256, sniff};
use futures::stream::{BoxStream, Stream};
use futures::{StreamExt, TryStreamExt, pin_mut};
use object_store::aws::{AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart,
};
use sha2::Digest;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Evidence;

/// So many files come in at once; the next one waits.
const AT_ONCE: usize = 4;

/// Files up to this size are held in memory, in bytes; larger ones go on in parts of it.
const PART: usize = 8 << 20;

/// Parts of one file that are under way at the same time.
const PARTS: usize = 2;

/// The object store is away where it says nothing for this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A copy inside of the store takes longer, where the file is large.
const COPY_PATIENCE: Duration = Duration::from_secs(600);

/// What came in and was not kept is nobody's after this.
const ABANDONED: TimeDelta = TimeDelta::days(1);

/// What the type of a file is told by.
const HEAD: usize = 512;

/// Where files are that have no name yet.
const INCOMING: &str = "incoming";

#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    places: Arc<Semaphore>,
}

/// A file that came in and was not kept yet. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Received {
    pub sha256: Sha256,
    /// Bytes; at least one.
    pub size: u64,
    pub media_type: &'static str,
    bytes: Held,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Held {
    Here(Vec<Bytes>),
    Incoming(Incoming),
}

/// Why a file did not come in.
#[derive(Debug)]
pub enum Broken<E> {
    NotKept(NotKept),
    Empty,
    /// The sender went away, or sent what is no file.
    Stream(E),
}

impl Objects {
    /// # Errors
    /// A folder that cannot be made or written to, or settings of S3 that do not fit.
    pub fn open(place: &Evidence) -> anyhow::Result<Self> {
        match place {
            Evidence::Folder(folder) => Ok(Self::of(Arc::new(local(folder)?))),
            Evidence::S3 { bucket, prefix } => {
                let s3 = AmazonS3Builder::from_env().with_bucket_name(bucket);
                Self::of_s3(s3, ClientOptions::new(), prefix)
            }
        }
    }

    /// # Errors
    /// Settings that do not fit.
    pub fn of_s3(
        s3: AmazonS3Builder,
        options: ClientOptions,
        prefix: &str,
    ) -> anyhow::Result<Self> {
        let s3 = s3
            .with_checksum_algorithm(Checksum::SHA256)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
            // Of one request; inside of one a large file may be copied.
            .with_client_options(options.with_timeout(COPY_PATIENCE))
            .build()
            .context("LIFEBOAT_EVIDENCE_URL names an S3 bucket that cannot be used")?;
        Ok(Self::of(Arc::new(PrefixStore::new(s3, prefix))))
    }

    fn of(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Takes a file in and hashes it while it comes; memory does not grow with it.
    ///
    /// # Errors
    /// [`NotKept::TooLarge`] as soon as it is that, [`NotKept::Full`] and [`NotKept::Away`] of the store; what the
    /// stream says.
    pub async fn receive<E>(
        &self,
        file: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, Broken<E>> {
        self.receive_up_to(LARGEST, file).await
    }

    async fn receive_up_to<E>(
        &self,
        largest: u64,
        file: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, Broken<E>> {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| Broken::NotKept(NotKept::Away))?;
        let mut hash = sha2::Sha256::new();
        let (mut size, mut head) = (0_u64, Vec::with_capacity(HEAD));
        let mut bytes = Held::Here(Vec::new());
        pin_mut!(file);
        while let Some(chunk) = file.next().await {
            let chunk = chunk.map_err(Broken::Stream)?;
            size += chunk.len() as u64;
            if size > largest {
                return Err(Broken::NotKept(NotKept::TooLarge));
            }
            hash.update(&chunk);
            let missing = HEAD - head.len();
            head.extend_from_slice(&chunk[..missing.min(chunk.len())]);
            bytes = self.hold(bytes, chunk, size).await.map_err(Broken::NotKept)?;
        }
        if size == 0 {
            return Err(Broken::Empty);
        }
        if let Held::Incoming(incoming) = &mut bytes {
            incoming.finish().await.map_err(Broken::NotKept)?;
        }
        let sha256 = Sha256::new(hash.finalize().into());
        Ok(Received { sha256, size, media_type: sniff(&head), bytes, _place: place })
    }

    /// `size` is that of everything so far.
    async fn hold(&self, bytes: Held, chunk: Bytes, size: u64) -> Result<Held, NotKept> {
        match bytes {
            Held::Here(mut chunks) if size <= PART as u64 => {
                chunks.push(chunk);
                Ok(Held::Here(chunks))
            }
            Held::Here(chunks) => {
                let mut incoming = Incoming::begin(self.store.clone()).await?;
                for chunk in chunks.into_iter().chain([chunk]) {
                    incoming.put(chunk).await?;
                }
                Ok(Held::Incoming(incoming))
            }
            Held::Incoming(mut incoming) => {
                incoming.put(chunk).await?;
                Ok(Held::Incoming(incoming))
            }
        }
    }

    /// Keeps a file. The same one may be there already: then it is the same.
    ///
    /// # Errors
    /// [`NotKept::Full`], [`NotKept::Away`]; nothing is left behind.
    pub async fn keep(&self, file: Received) -> Result<(), NotKept> {
        let path = object_store::path::Path::from(file.sha256.path());
        match file.bytes {
            Held::Here(chunks) => {
                let payload: PutPayload = chunks.into_iter().collect();
                let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
                let kept = self.store.put_opts(&path, payload, options);
                in_time(PATIENCE, async { kept.await.map(drop) }).await
            }
            Held::Incoming(incoming) => {
                let kept = self.store.copy_if_not_exists(&incoming.path, &path);
                in_time(COPY_PATIENCE, kept).await
            }
        }
    }

    /// The bytes of a file as they come; `None` for one that is not there.
    ///
    /// # Errors
    /// [`NotKept::Away`].
    pub async fn read(
        &self,
        file: &Sha256,
    ) -> Result<Option<BoxStream<'static, object_store::Result<Bytes>>>, NotKept> {
        self.read_path(&file.path()).await
    }

    /// The bytes of what lies under a name; `None` where nothing does.
    ///
    /// # Errors
    /// [`NotKept::Away`].
    pub async fn read_path(
        &self,
        path: &str,
    ) -> Result<Option<BoxStream<'static, object_store::Result<Bytes>>>, NotKept> {
        let path = object_store::path::Path::from(path);
        match tokio::time::timeout(PATIENCE, self.store.get(&path)).await {
            Ok(Ok(found)) => Ok(Some(found.into_stream())),
            Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
            Ok(Err(error)) => {
                tracing::error!("{path} cannot be read: {error}");
                Err(NotKept::Away)
            }
            Err(_) => Err(NotKept::Away),
        }
    }

    /// What lies under a name, by its hash; `None` where nothing does.
    ///
    /// # Errors
    /// [`NotKept::Away`].
    pub async fn hash_of(&self, path: &str) -> Result<Option<Sha256>, NotKept> {
        let Some(mut content) = self.read_path(path).await? else { return Ok(None) };
        let mut hash = sha2::Sha256::new();
        loop {
            let chunk = tokio::time::timeout(PATIENCE, content.try_next()).await;
            match chunk.map_err(|_| NotKept::Away)?.map_err(|it| not_kept(&it))? {
                Some(chunk) => hash.update(&chunk),
                None => return Ok(Some(Sha256::new(hash.finalize().into()))),
            }
        }
    }

    /// Puts a file under a name that nothing has. What lies there already stays, whatever it is.
    ///
    /// # Errors
    /// [`NotKept::Full`], [`NotKept::Away`].
    pub async fn put_once(&self, path: &str, file: Bytes) -> Result<(), NotKept> {
        let path = object_store::path::Path::from(path);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.store.put_opts(&path, file.into(), options);
        in_time(PATIENCE, async { put.await.map(drop) }).await
    }

    /// Lets go of a file that had to be erased. One that is not there is gone already.
    ///
    /// # Errors
    /// [`NotKept::Away`]; then it may be there still.
    pub async fn remove(&self, file: &Sha256) -> Result<(), NotKept> {
        self.remove_path(&file.path()).await
    }

    /// The same of what lies under a name.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub async fn remove_path(&self, path: &str) -> Result<(), NotKept> {
        let path = object_store::path::Path::from(path);
        match tokio::time::timeout(PATIENCE, self.store.delete(&path)).await {
            Ok(Ok(()) | Err(object_store::Error::NotFound { .. })) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!("{path} cannot be removed: {error}");
                Err(NotKept::Away)
            }
            Err(_) => Err(NotKept::Away),
        }
    }

    /// Removes what came in long ago and was never kept; how many there were.
    ///
    /// # Errors
    /// Of the store.
    pub async fn sweep(&self, now: DateTime<Utc>) -> object_store::Result<usize> {
        let mut found = self.store.list(Some(&INCOMING.into()));
        let mut swept = 0;
        while let Some(file) = found.try_next().await? {
            if file.last_modified < now - ABANDONED {
                self.store.delete(&file.location).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// A file under a name of its own while it comes in.
struct Incoming {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    /// Nothing once all of it is there.
    upload: Option<WriteMultipart>,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Incoming {
    async fn begin(store: Arc<dyn ObjectStore>) -> Result<Self, NotKept> {
        let name = format!("{INCOMING}/{:032x}", rand::random::<u128>());
        let path = object_store::path::Path::from(name);
        let begun = tokio::time::timeout(PATIENCE, store.put_multipart(&path)).await;
        let upload = begun.map_err(|_| NotKept::Away)?.map_err(|it| not_kept(&it))?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PART);
        Ok(Self { store, path, upload: Some(upload) })
    }

    /// Waits where the store is slower than the sender.
    async fn put(&mut self, chunk: Bytes) -> Result<(), NotKept> {
        let Some(upload) = &mut self.upload else { return Err(NotKept::Away) };
        in_time(PATIENCE, upload.wait_for_capacity(PARTS)).await?;
        upload.put(chunk);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), NotKept> {
        let Some(upload) = self.upload.take() else { return Ok(()) };
        in_time(COPY_PATIENCE, async { upload.finish().await.map(drop) }).await
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let (store, path, upload) = (self.store.clone(), self.path.clone(), self.upload.take());
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let gone = match upload {
                Some(upload) => upload.abort().await,
                None => store.delete(&path).await,
            };
            if let Err(error) = gone {
                tracing::warn!("{path} is left to be swept: {error}");
            }
        });
    }
}

/// What is there already stays; evidence is what it should be then, because its name is its hash.
async fn in_time(
    patience: Duration,
    kept: impl Future<Output = object_store::Result<()>>,
) -> Result<(), NotKept> {
    match tokio::time::timeout(patience, kept).await {
        Ok(Ok(()) | Err(object_store::Error::AlreadyExists { .. })) => Ok(()),
        Ok(Err(error)) => Err(not_kept(&error)),
        Err(_) => Err(NotKept::Away),
    }
}

fn not_kept(error: &object_store::Error) -> NotKept {
    if is_full(error) {
        tracing::error!("the place for evidence is full: {error}");
        return NotKept::Full;
    }
    tracing::error!("the place for evidence is away: {error}");
    NotKept::Away
}

fn local(folder: &Path) -> anyhow::Result<LocalFileSystem> {
    let made = std::fs::create_dir_all(folder);
    made.with_context(|| format!("cannot make the folder for evidence, {}", folder.display()))?;
    LocalFileSystem::new_with_prefix(folder)
        .with_context(|| format!("cannot use the folder for evidence, {}", folder.display()))
}

/// Whether somewhere below it is a disk without room.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(io, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
