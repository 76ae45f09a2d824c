//! Where files rest: a folder (`file:///var/lib/sociopulse`) or a bucket (`s3://bucket/prefix`). One small store for both
//! processes; nobody else reads it.
//!
//! A key is derived from what is stored under it, so writing it again, after a crash or from two processes, writes the same
//! bytes: nothing is ever changed.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use url::{ParseError, Url};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names no place that could be used.
    #[error("STORAGE_URL: {0}")]
    Unusable(String),
    /// There is no such file.
    #[error("{0} is not stored")]
    Missing(String),
    /// The place is away, or refuses.
    #[error(transparent)]
    Away(object_store::Error),
}

/// The files of the platform.
#[derive(Clone, Debug)]
pub struct Storage(Arc<dyn ObjectStore>);

impl Storage {
    /// A folder, by its path or URL, is made where there is none. A bucket's region, keys and endpoint are those of the environment (`AWS_REGION`,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT`).
    pub fn open(url: &str) -> Result<Self, Error> {
        let unusable = |message: String| Error::Unusable(message);
        let url = match Url::parse(url) {
            Err(ParseError::RelativeUrlWithoutBase) if !url.is_empty() => {
                return Self::folder(FilePath::new(url));
            }
            parsed => parsed.map_err(|error| unusable(format!("{url}: {error}")))?,
        };
        match url.scheme() {
            "file" => {
                Self::folder(&url.to_file_path().map_err(|()| unusable(format!("{url} is no folder")))?)
            }
            "s3" => {
                let bucket = url.host_str().ok_or_else(|| unusable(format!("{url} names no bucket")))?;
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_client_options(client_options())
                    // An endpoint that is named without TLS is meant so: a store in the same network.
                    .with_allow_http(endpoint_is_plain())
                    .with_retry(retries())
                    .build()
                    .map_err(Error::Away)?;
                Ok(Self(Arc::new(PrefixStore::new(store, Path::from(url.path())))))
            }
            other => Err(unusable(format!("{other}: is neither file: nor s3:"))),
        }
    }

    fn folder(path: &FilePath) -> Result<Self, Error> {
        let unusable = |error| Error::Unusable(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(path).map_err(unusable)?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(Error::Away)?.with_fsync(true);
        Ok(Self(Arc::new(store)))
    }

    /// Keeps a file. Writing the same once more is harmless.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        self.0.put(&Path::from(key), bytes.into()).await.map_err(Error::Away)?;
        Ok(())
    }

    pub async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let missing = |error| match error {
            object_store::Error::NotFound { .. } => Error::Missing(key.to_owned()),
            other => Error::Away(other),
        };
        self.0.get(&Path::from(key)).await.map_err(missing)?.bytes().await.map_err(Error::Away)
    }
}

/// A job is tried again by the ledger, a request by its client: neither waits here for minutes.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), backoff: BackoffConfig::default() }
}

fn endpoint_is_plain() -> bool {
    ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"]
        .into_iter()
        .any(|name| std::env::var(name).is_ok_and(|url| url.starts_with("http://")))
}

fn client_options() -> ClientOptions {
    ClientOptions::new().with_timeout(Duration::from_secs(10)).with_connect_timeout(Duration::from_secs(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn keeps_what_it_is_given(storage: &Storage) {
        let key = "documents/invoice/1.pdf";
        assert!(matches!(storage.get(key).await, Err(Error::Missing(_))));
        for _ in 0..2 {
            storage.put(key, Bytes::from_static(b"%PDF")).await.unwrap();
        }
        assert_eq!(storage.get(key).await.unwrap(), Bytes::from_static(b"%PDF"));
    }

    #[tokio::test]
    async fn a_folder_keeps_what_it_is_given() {
        let folder = std::env::temp_dir().join(format!("storage-{}", std::process::id()));
        let storage = Storage::open(Url::from_directory_path(&folder).unwrap().as_str()).unwrap();
        keeps_what_it_is_given(&storage).await;
        let again = Storage::open(folder.to_str().unwrap()).unwrap();
        assert!(again.get("documents/invoice/1.pdf").await.is_ok(), "the same folder by its path");
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Against an empty bucket, where one is named: `STORAGE_TEST_URL=s3://bucket/prefix` with `AWS_ENDPOINT` and the rest.
    #[tokio::test]
    async fn a_bucket_keeps_what_it_is_given() {
        if let Ok(url) = std::env::var("STORAGE_TEST_URL") {
            keeps_what_it_is_given(&Storage::open(&url).unwrap()).await;
        }
    }

    #[test]
    fn a_place_that_cannot_be_used_is_named() {
        for url in ["", "ftp://host/folder", "s3:///"] {
            let refused = Storage::open(url);
            assert!(matches!(refused, Err(Error::Unusable(_)) | Err(Error::Away(_))), "{url}: {refused:?}");
        }
    }
}
