//! A root from an image of an OCI registry: `felix rootfs pull`.
//!
//! The image for linux/amd64 of a list is taken; its layers come one after the other into a file beside the root, each is
//! checked against its size and digest, and only then unpacked. Registries on this machine's loopback are spoken to without TLS.

use super::place::Making;
use super::tree::{LeftOut, Tree};
use super::{Report, import};
use crate::error::Error;
use oci_client::client::{ClientConfig, ClientProtocol, linux_amd64_resolver};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;

/// How often a layer is asked for.
const TRIES: u32 = 3;
/// An image's configuration is a page of text.
const CONFIG_AT_MOST: i64 = 4 << 20;

/// Where a layer goes: no further than it says it is long.
struct Sink<'a> {
    file: &'a mut dyn Write,
    left: u64,
    report: &'a mut dyn Report,
}

// Nothing of it is shared: the runtime has one thread, and this is only ever written to there.
impl AsyncWrite for Sink<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let Some(left) = me.left.checked_sub(buf.len() as u64) else {
            let e = io::Error::new(
                io::ErrorKind::InvalidData,
                "it is longer than its manifest says",
            );
            return Poll::Ready(Err(e));
        };
        me.left = left;
        me.report.advance(buf.len() as u64);
        Poll::Ready(me.file.write_all(buf).map(|()| buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().file.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// True if the registry is on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => registry.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

/// What the innermost cause says.
fn cause(e: &dyn std::error::Error) -> String {
    let mut inner = e;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

/// A sentence for what went wrong with `image`.
fn error(image: &Reference, e: OciDistributionError) -> Error {
    use OciDistributionError as E;
    let registry = image.resolve_registry();
    match e {
        E::RequestError(e) if e.is_connect() => Error::Network(format!(
            "the registry {registry} cannot be reached: {}; check the network and the name",
            cause(&e)
        )),
        E::RequestError(e) if e.is_timeout() => {
            Error::Network(format!("the registry {registry} does not answer"))
        }
        E::RequestError(e) => Error::Network(format!(
            "the registry {registry}: the transfer broke off: {}",
            cause(&e)
        )),
        E::DigestError(e) => Error::Damaged(format!(
            "{image}: what the registry sent is not what its digest says ({e}); nothing is kept of it"
        )),
        E::IoError(e) if e.kind() == io::ErrorKind::InvalidData => {
            Error::Damaged(format!("{image}: a layer: {e}; nothing is kept of it"))
        }
        E::IoError(e) => Error::host(format!("pulling {image}"), e),
        E::RegistryError { envelope, .. } => {
            let code = envelope.errors.first().map(|e| &e.code);
            Error::Network(match code {
                Some(
                    OciErrorCode::ManifestUnknown
                    | OciErrorCode::NameUnknown
                    | OciErrorCode::NotFound,
                ) => {
                    format!("{image}: the registry {registry} has no such image")
                }
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => denied(image),
                Some(OciErrorCode::Toomanyrequests) => {
                    format!("{registry} takes no more requests for now; try again later")
                }
                _ => {
                    let all: Vec<String> =
                        envelope.errors.iter().map(|e| e.message.clone()).collect();
                    format!("{image}: the registry says: {}", all.join("; "))
                }
            })
        }
        E::UnauthorizedError { .. } | E::AuthenticationFailure(_) => Error::Network(denied(image)),
        E::ImageManifestNotFoundError(why) if why.contains("platform") => {
            Error::Network(format!("{image}: there is none for linux/amd64"))
        }
        E::ImageManifestNotFoundError(_) => Error::Network(format!(
            "{image}: the registry {registry} has no such image"
        )),
        E::ServerError { code: 404, .. } => Error::Network(format!(
            "{image}: the registry {registry} has no such image"
        )),
        E::ServerError { code, .. } => Error::Network(format!(
            "{image}: the registry {registry} answers with error {code}"
        )),
        e @ (E::ManifestParsingError(_)
        | E::VersionedParsingError(_)
        | E::ManifestEncodingError(_)
        | E::JsonError(_)) => {
            Error::Damaged(format!("{image}: its manifest is not understood: {e}"))
        }
        e => Error::Network(format!("{image}: {e}")),
    }
}

fn denied(image: &Reference) -> String {
    format!(
        "{image}: the registry {} does not give it to strangers, or there is no such image; --user and FELIX_REGISTRY_PASSWORD name an account",
        image.resolve_registry()
    )
}

/// Can another try help?
fn passing(e: &OciDistributionError) -> bool {
    match e {
        OciDistributionError::RequestError(e) => !e.is_connect(),
        OciDistributionError::ServerError { code, .. } => *code >= 500,
        _ => false,
    }
}

/// An account at a registry.
pub type Account = (String, String);

struct Puller<'a> {
    client: Client,
    image: Reference,
    making: Making,
    report: &'a mut dyn Report,
}

impl Puller<'_> {
    /// Fetches a layer and puts it into the tree.
    async fn layer(
        &mut self,
        tree: &mut Tree,
        layer: &OciDescriptor,
        name: &str,
    ) -> Result<(), Error> {
        let known = ["tar", "tar+gzip", "tar+zstd", "tar.gzip", "tar.zstd"];
        if !known.iter().any(|k| layer.media_type.ends_with(k))
            || layer.media_type.contains("encrypted")
        {
            return Err(Error::Damaged(format!(
                "{}: a layer of unknown kind {}; felix knows tar, gzip and zstd",
                self.image, layer.media_type
            )));
        }
        let path = self.making.scratch().join("layer");
        let failed = |e| Error::host(format!("writing {}", path.display()), e);
        let mut tries = 0;
        let mut file = loop {
            tries += 1;
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .map_err(failed)?;
            let size = u64::try_from(layer.size).unwrap_or(0);
            self.report.begin(&format!("pulling {name}"), Some(size));
            let mut sink = Sink {
                file: &mut file,
                left: size,
                report: self.report,
            };
            match self.client.pull_blob(&self.image, layer, &mut sink).await {
                Ok(()) if sink.left > 0 => {
                    return Err(Error::Damaged(format!(
                        "{}: a layer is shorter than its manifest says; nothing is kept of it",
                        self.image
                    )));
                }
                Ok(()) => break file,
                Err(e) if passing(&e) && tries < TRIES => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(e) => return Err(error(&self.image, e)),
            }
        };
        self.report.end();
        file.rewind().map_err(failed)?;
        let len = file.metadata().ok().map(|m| m.len());
        import::add(tree, file, (name, len), true, self.report)?;
        std::fs::remove_file(&path).map_err(failed)
    }

    /// The image's own word on what it is for, where no list has said it.
    async fn check(&mut self, config: &OciDescriptor) -> Result<(), Error> {
        if config.size > CONFIG_AT_MOST {
            return Err(Error::Damaged(format!(
                "{}: its configuration is too long",
                self.image
            )));
        }
        let mut text = Vec::new();
        let mut sink = Sink {
            file: &mut text,
            left: u64::try_from(config.size).unwrap_or(0),
            report: &mut super::Silent,
        };
        self.client
            .pull_blob(&self.image, config, &mut sink)
            .await
            .map_err(|e| error(&self.image, e))?;
        let about: serde_json::Value = serde_json::from_slice(&text).map_err(|e| {
            Error::Damaged(format!(
                "{}: its configuration is not understood: {e}",
                self.image
            ))
        })?;
        let part = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
        match (part("os").as_str(), part("architecture").as_str()) {
            ("linux" | "", "amd64" | "") => Ok(()),
            (os, arch) => Err(Error::Network(format!(
                "{}: it is for {os}/{arch}, and there is none for linux/amd64",
                self.image
            ))),
        }
    }

    async fn run(mut self, auth: RegistryAuth) -> Result<LeftOut, Error> {
        let (manifest, digest) = self
            .client
            .pull_image_manifest(&self.image, &auth)
            .await
            .map_err(|e| error(&self.image, e))?;
        self.check(&manifest.config).await?;
        // What was named by a tag is from now on what the tag meant.
        self.image = self.image.clone_with_digest(digest);
        let mut tree = Tree::new(&self.making.root())?;
        let count = manifest.layers.len();
        for (i, layer) in manifest.layers.iter().enumerate() {
            let name = format!("layer {} of {count}", i + 1);
            self.layer(&mut tree, layer, &name).await?;
        }
        let left_out = tree.finish()?;
        self.making.finish()?;
        Ok(left_out)
    }
}

/// Makes a root at `place` of the image (`debian:trixie`, `REGISTRY/NAME:TAG`, `NAME@sha256:...`).
///
/// # Errors
/// If the registry cannot be reached or refuses, something is damaged, or there is no room.
pub fn pull(
    image: &str,
    place: &Path,
    plain_http: bool,
    account: Option<Account>,
    report: &mut dyn Report,
) -> Result<LeftOut, Error> {
    let image: Reference = image.parse().map_err(|e| {
        Error::Usage(format!(
            "{image}: this is no name of an image ({e}); write NAME:TAG or REGISTRY/NAME:TAG"
        ))
    })?;
    let plain = plain_http || is_loopback(image.resolve_registry());
    let config = ClientConfig {
        protocol: if plain {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        platform_resolver: Some(Box::new(linux_amd64_resolver)),
        read_timeout: Some(Duration::from_secs(60)),
        connect_timeout: Some(Duration::from_secs(20)),
        user_agent: concat!("felix/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    // Fails only if one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_from(config).map_err(|e| {
        Error::Network(format!(
            "no connection to {} can be prepared: {}",
            image.resolve_registry(),
            cause(&e)
        ))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::host("starting to pull", e))?;
    let auth = account.map_or(RegistryAuth::Anonymous, |(user, word)| {
        RegistryAuth::Basic(user, word)
    });
    let making = Making::begin(place)?;
    runtime.block_on(
        Puller {
            client,
            image,
            making,
            report,
        }
        .run(auth),
    )
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_does_without_tls() {
        for yes in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "[::1]:5000",
            "127.3.4.5",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "registry.example",
            "localhost.example:5000",
            "10.0.0.1:5000",
            "[2001:db8::1]",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
