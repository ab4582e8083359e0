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

/// A mebibyte that differs from the others by its number.
fn mebibyte(number: u64) -> Bytes {
    let mut bytes = vec![0; 1 << 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

fn mebibytes(count: u64) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter((0..count).map(|it| Ok(mebibyte(it))))
}

/// Names below a folder. The server of the tests cannot list what is being removed at that moment.
async fn left(objects: &Objects, folder: &str) -> object_store::Result<Vec<String>> {
    let found = objects.store.list(Some(&folder.into()));
    found.map_ok(|it| it.location.to_string()).try_collect().await
}

/// What is dropped is removed by a task of its own.
async fn until_nothing_is_left(objects: &Objects) {
    let gone = async {
        while !left(objects, INCOMING).await.is_ok_and(|it| it.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is left behind");
}

/// A large file comes in by parts and is kept once; what is dropped or cut leaves nothing.
async fn a_large_file(objects: &Objects) {
    let mut expected = sha2::Sha256::new();
    (0..20).for_each(|it| expected.update(mebibyte(it)));
    let expected = Sha256::new(expected.finalize().into());
    for _ in 0..2 {
        let file = objects.receive(mebibytes(20)).await.unwrap();
        assert_eq!((file.sha256.clone(), file.size), (expected.clone(), 20 << 20));
        assert!(matches!(file.bytes, Held::Incoming(_)), "it is not held in memory");
        objects.keep(file).await.unwrap();
        until_nothing_is_left(objects).await;
    }
    let kept = content(objects, &expected).await.unwrap();
    assert_eq!(kept.len(), 20 << 20);
    assert_eq!(&kept[19 << 20..][..8], &19_u64.to_be_bytes());

    // Not kept after all, as where its hash is not the one that was claimed.
    drop(objects.receive(mebibytes(9)).await.unwrap());
    until_nothing_is_left(objects).await;
    // Cut in the middle.
    let cut = mebibytes(17).map_err(|it| match it {}).chain(stream::iter([Err("cut")]));
    assert!(matches!(objects.receive(cut).await, Err(Broken::Stream("cut"))));
    until_nothing_is_left(objects).await;
    assert_eq!(left(objects, "evidence").await.unwrap().len(), 1, "only the one that was kept");

    objects.remove(&expected).await.unwrap();
    objects.remove(&expected).await.unwrap();
    assert_eq!(content(objects, &expected).await, None);
}

#[tokio::test]
async fn a_large_file_goes_by_parts_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&Evidence::Folder(folder.path().into())).unwrap();
    a_large_file(&objects).await;
}

/// A real S3 server over a folder, in this process; its address.
async fn serve(folder: &Path) -> String {
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, stream) = (service.clone(), hyper_util::rt::TokioIo::new(stream));
            let server =
                hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
            tokio::spawn(async move { drop(server.serve_connection(stream, service).await) });
        }
    });
    address
}

/// The bucket at an address, with this secret.
fn bucket(address: &str, secret: &str) -> Objects {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = AmazonS3Builder::new()
        .with_bucket_name("evidence")
        .with_region("us-east-1")
        .with_endpoint(address)
        .with_access_key_id("key")
        .with_secret_access_key(secret)
        .with_retry(object_store::RetryConfig { max_retries: 0, ..Default::default() });
    Objects::of_s3(builder, ClientOptions::new().with_allow_http(true), "lifeboat").unwrap()
}

#[tokio::test]
async fn a_large_file_goes_by_parts_into_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    let objects = bucket(&serve(folder.path()).await, "secret");
    a_large_file(&objects).await;
}

#[tokio::test]
async fn a_bucket_keeps_what_it_has_under_a_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    let objects = bucket(&serve(folder.path()).await, "secret");
    for _ in 0..2 {
        let file = objects.receive(chunks(&[b"abc"])).await.unwrap();
        let sha256 = file.sha256.clone();
        objects.keep(file).await.unwrap();
        assert_eq!(content(&objects, &sha256).await.as_deref(), Some(&b"abc"[..]));
    }
    // Somebody put other bytes under the name of a large file: they are not replaced.
    let mut hash = sha2::Sha256::new();
    (0..9).for_each(|it| hash.update(mebibyte(it)));
    let taken = Sha256::new(hash.finalize().into());
    let path = object_store::path::Path::from(taken.path());
    objects.store.put(&path, "other".into()).await.unwrap();
    objects.keep(objects.receive(mebibytes(9)).await.unwrap()).await.unwrap();
    assert_eq!(content(&objects, &taken).await.as_deref(), Some(&b"other"[..]));
}

#[tokio::test]
async fn a_bucket_that_is_not_ours_or_away_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    let address = serve(folder.path()).await;
    for (address, secret) in [(&*address, "wrong"), ("http://127.0.0.1:9", "secret")] {
        let objects = bucket(address, secret);
        let small = objects.receive(chunks(&[b"abc"])).await.unwrap();
        assert_eq!(objects.keep(small).await, Err(NotKept::Away), "{address}");
        let large = objects.receive(mebibytes(9)).await;
        assert!(matches!(large, Err(Broken::NotKept(NotKept::Away))), "{address}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path().join("evidence")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_was_left_by_a_dead_process_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&Evidence::Folder(folder.path().into())).unwrap();
    objects.store.put(&"incoming/1".into(), "half".into()).await.unwrap();
    let kept = objects.receive(chunks(&[b"abc"])).await.unwrap();
    objects.keep(kept).await.unwrap();
    let now = crate::clock::now();
    assert_eq!(objects.sweep(now).await.unwrap(), 0);
    assert_eq!(objects.sweep(now + ABANDONED * 2).await.unwrap(), 1);
    assert_eq!(left(&objects, INCOMING).await.unwrap(), [""; 0]);
    assert_eq!(left(&objects, "evidence").await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_empty_or_too_large_does_not_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&Evidence::Folder(folder.path().into())).unwrap();
    assert!(matches!(objects.receive(chunks(&[b""])).await, Err(Broken::Empty)));
    let largest = 17 << 20;
    let fits = objects.receive_up_to(largest, mebibytes(17)).await.unwrap();
    assert_eq!(fits.size, largest);
    drop(fits);
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(mebibyte(0)));
    let refused = objects.receive_up_to(largest, endless).await;
    assert!(matches!(refused, Err(Broken::NotKept(NotKept::TooLarge))));
    until_nothing_is_left(&objects).await;
}

#[tokio::test]
async fn a_place_without_room_is_named() {
    // Every write to this device says that there is no room.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let error = std::io::Write::write(&mut &full, b"x").unwrap_err();
    let error = object_store::Error::Generic { store: "folder", source: Box::new(error) };
    assert!(is_full(&error));
    let away = std::io::Error::from(ErrorKind::NotFound);
    assert!(!is_full(&object_store::Error::Generic { store: "folder", source: Box::new(away) }));
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

/// What lies under a name stays, whatever is put there later.
async fn a_name_is_given_once(objects: &Objects) {
    let path = "reports/2026/Q3.pdf";
    assert_eq!(objects.hash_of(path).await, Ok(None));
    let first = Sha256::new(sha2::Sha256::digest(b"first").into());
    for content in ["first", "second"] {
        objects.put_once(path, content.into()).await.unwrap();
        assert_eq!(objects.hash_of(path).await.unwrap().as_ref(), Some(&first));
    }
    objects.remove_path(path).await.unwrap();
    assert_eq!(objects.hash_of(path).await, Ok(None));
}

#[tokio::test]
async fn a_name_in_a_folder_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&Evidence::Folder(folder.path().into())).unwrap();
    a_name_is_given_once(&objects).await;
}

#[tokio::test]
async fn a_name_in_a_bucket_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    let objects = bucket(&serve(folder.path()).await, "secret");
    a_name_is_given_once(&objects).await;
}
