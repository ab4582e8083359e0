//! The object store that keeps evidence: a folder, or S3. A file is known by the SHA-256 of its bytes, is written
//! once, and never changes.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use domain::evidence::{LARGEST, NotKept, Sha256, sniff};
use futures::stream::{BoxStream, Stream};
use futures::{StreamExt, pin_mut};
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use sha2::Digest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Evidence;

/// So many files are held in memory at once; the next one waits.
const AT_ONCE: usize = 4;

/// The object store is away where it says nothing for this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the type of a file is told by.
const HEAD: usize = 512;

#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    places: Arc<Semaphore>,
}

/// A file that came in and was not kept yet.
#[derive(Debug)]
pub struct Received {
    pub sha256: Sha256,
    /// Bytes; at least one.
    pub size: u64,
    pub media_type: &'static str,
    chunks: Vec<Bytes>,
    _place: OwnedSemaphorePermit,
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
        let store: Arc<dyn ObjectStore> = match place {
            Evidence::Folder(folder) => Arc::new(local(folder)?),
            Evidence::S3 { bucket, prefix } => {
                let s3 = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_checksum_algorithm(Checksum::SHA256)
                    .with_client_options(ClientOptions::new().with_timeout(PATIENCE))
                    .build()
                    .context("LIFEBOAT_EVIDENCE_URL names an S3 bucket that cannot be used")?;
                Arc::new(PrefixStore::new(s3, prefix.as_str()))
            }
        };
        Ok(Self { store, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Takes a file in and hashes it while it comes.
    ///
    /// # Errors
    /// [`NotKept::TooLarge`] as soon as it is that; what the stream says.
    pub async fn receive<E>(
        &self,
        file: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Received, Broken<E>> {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| Broken::NotKept(NotKept::Away))?;
        let mut hash = sha2::Sha256::new();
        let (mut size, mut chunks, mut head) = (0, Vec::new(), Vec::with_capacity(HEAD));
        pin_mut!(file);
        while let Some(chunk) = file.next().await {
            let chunk = chunk.map_err(Broken::Stream)?;
            size += chunk.len() as u64;
            if size > LARGEST {
                return Err(Broken::NotKept(NotKept::TooLarge));
            }
            hash.update(&chunk);
            let missing = HEAD - head.len();
            head.extend_from_slice(&chunk[..missing.min(chunk.len())]);
            chunks.push(chunk);
        }
        if size == 0 {
            return Err(Broken::Empty);
        }
        let sha256 = Sha256::new(hash.finalize().into());
        Ok(Received { sha256, size, media_type: sniff(&head), chunks, _place: place })
    }

    /// Keeps a file. The same one may be there already: then it is the same.
    ///
    /// # Errors
    /// [`NotKept::Full`], [`NotKept::Away`]; nothing is left behind.
    pub async fn keep(&self, file: Received) -> Result<(), NotKept> {
        let path = object_store::path::Path::from(file.sha256.path());
        let payload: PutPayload = file.chunks.into_iter().collect();
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let kept = self.store.put_opts(&path, payload, options);
        match tokio::time::timeout(PATIENCE, kept).await {
            Ok(Ok(_) | Err(object_store::Error::AlreadyExists { .. })) => Ok(()),
            Ok(Err(error)) if is_full(&error) => {
                tracing::error!("the place for evidence is full: {error}");
                Err(NotKept::Full)
            }
            Ok(Err(error)) => {
                tracing::error!("the place for evidence is away: {error}");
                Err(NotKept::Away)
            }
            Err(_) => Err(NotKept::Away),
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
        let path = object_store::path::Path::from(file.path());
        match tokio::time::timeout(PATIENCE, self.store.get(&path)).await {
            Ok(Ok(found)) => Ok(Some(found.into_stream())),
            Ok(Err(object_store::Error::NotFound { .. })) => Ok(None),
            Ok(Err(error)) => {
                tracing::error!("evidence cannot be read: {error}");
                Err(NotKept::Away)
            }
            Err(_) => Err(NotKept::Away),
        }
    }
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
mod tests {
    use std::convert::Infallible;

    use futures::{TryStreamExt, stream};

    use super::*;

    fn chunks(parts: &[&'static [u8]]) -> impl Stream<Item = Result<Bytes, Infallible>> {
        let parts: Vec<_> = parts.iter().map(|it| Ok(Bytes::from_static(it))).collect();
        stream::iter(parts)
    }

    async fn content(objects: &Objects, file: &Sha256) -> Option<Vec<u8>> {
        let stream = objects.read(file).await.unwrap()?;
        let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(chunks.concat())
    }

    #[tokio::test]
    async fn a_file_is_kept_once_under_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&Evidence::Folder(folder.path().join("kept"))).unwrap();
        for _ in 0..2 {
            let file = objects.receive(chunks(&[b"a", b"", b"bc"])).await.unwrap();
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert_eq!((file.sha256.as_str(), file.size), (abc, 3));
            let sha256 = file.sha256.clone();
            objects.keep(file).await.unwrap();
            assert_eq!(content(&objects, &sha256).await.as_deref(), Some(&b"abc"[..]));
            assert!(folder.path().join("kept/evidence").join(abc).exists());
        }
        assert_eq!(content(&objects, &Sha256::new([0; 32])).await, None);
    }

    #[tokio::test]
    async fn what_is_empty_or_too_large_does_not_come_in() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&Evidence::Folder(folder.path().into())).unwrap();
        assert!(matches!(objects.receive(chunks(&[b""])).await, Err(Broken::Empty)));
        static MIB: [u8; 1 << 20] = [0; 1 << 20];
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&MIB)));
        let refused = objects.receive(endless).await;
        assert!(matches!(refused, Err(Broken::NotKept(NotKept::TooLarge))));
    }

    #[tokio::test]
    async fn a_place_without_room_is_named() {
        // Every write to this device says that there is no room.
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = std::io::Write::write(&mut &full, b"x").unwrap_err();
        let error = object_store::Error::Generic { store: "folder", source: Box::new(error) };
        assert!(is_full(&error));
        let away = std::io::Error::from(ErrorKind::NotFound);
        assert!(!is_full(&object_store::Error::Generic {
            store: "folder",
            source: Box::new(away)
        }));
    }

    #[tokio::test]
    async fn a_place_that_is_away_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&Evidence::Folder(folder.path().join("kept"))).unwrap();
        let file = objects.receive(chunks(&[b"abc"])).await.unwrap();
        std::fs::remove_dir_all(folder.path().join("kept")).unwrap();
        std::fs::write(folder.path().join("kept"), "no folder").unwrap();
        assert_eq!(objects.keep(file).await, Err(NotKept::Away));
    }
}
