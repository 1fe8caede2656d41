//! notify on what is recorded: the reports of a time become mails again, and the mails become files.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cordon_records::Topic;
use cordon_runtime::beside::Beside;
use cordon_runtime::context::Context;
use cordon_runtime::kafka::Access;
use cordon_runtime::process::{Replayed, Stage};
use cordon_settings::Section;
use tokio_util::sync::CancellationToken;

use crate::config::{MailConfig, NotifySettings};
use crate::error::{DeliveryError, NotifyError};
use crate::render::Mail;
use crate::transport::{Handover, Transport};
use crate::{ACCESS, GROUP, Notify, NotifyArgs, send};

/// The stage on what is recorded. It has no way out for mails, and asks nobody but the broker.
#[derive(Debug)]
pub struct NotifyAgain;

impl Stage for NotifyAgain {
    const NAME: &'static str = Notify::NAME;
    type Args = Replayed<NotifyArgs>;
    type Settings = MailConfig;
    type Error = NotifyError;

    fn access(_: &Self::Args) -> &'static [Access] {
        &[ACCESS]
    }

    fn misused(args: &Self::Args) -> Option<String> {
        if args.stage.replay_mails.is_none() {
            return Some("say with --replay-mails DIR where the mails of the replay go: none is sent".to_owned());
        }
        args.misused()
    }

    fn beside(args: &Self::Args) -> Option<Beside> {
        Some(args.reading(Topic::Actions, GROUP, Topic::Notified))
    }

    fn read(root: &mut Section) -> Option<MailConfig> {
        NotifySettings::read(root).map(|settings| settings.config)
    }

    async fn run(
        config: MailConfig,
        args: Self::Args,
        context: Context,
        shutdown: CancellationToken,
    ) -> Result<(), NotifyError> {
        let path = args.stage.replay_mails.unwrap_or_default();
        let files = Files::new(&path).map_err(|source| NotifyError::Folder { path, source })?;
        send(files, config, context, shutdown).await
    }
}

/// A way out that ends in a folder: one file for each mail, in the order in which they come.
struct Files {
    folder: PathBuf,
    written: AtomicU64,
}

impl Files {
    /// Takes a folder that is empty, or makes it, for its owner's eyes.
    fn new(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        if std::fs::read_dir(folder)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "something is in it already"));
        }
        Ok(Self { folder: folder.to_owned(), written: AtomicU64::new(0) })
    }
}

impl Transport for Files {
    async fn deliver(&self, mail: &Mail, handover: &mut Handover) -> Result<(), DeliveryError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        let path = self.folder.join(format!("{number:06}.eml"));
        let written = tokio::fs::write(&path, &mail.mime).await;
        written.map_err(|error| DeliveryError::later(format!("cannot write {}: {error}", path.display())))?;
        for reader in handover.open.clone() {
            handover.take(&reader);
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn label(&self) -> String {
        format!("files in {}", self.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_of_a_replay_becomes_a_file_that_all_its_readers_have_and_a_folder_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mails");
        let files = Files::new(&path).unwrap();
        let readers = ["a@x.org", "b@x.org"].map(|reader| reader.parse().unwrap()).to_vec();
        let mime = b"Subject: x\r\n\r\ny\r\n".to_vec();
        let mail = Mail { message_id: "m".into(), from: "c@x.org".parse().unwrap(), to: readers, mime: mime.clone() };
        let mut handover = Handover::new(&mail);
        files.deliver(&mail, &mut handover).await.unwrap();
        assert_eq!((handover.taken, handover.open.len()), (2, 0));
        assert_eq!(std::fs::read(path.join("000001.eml")).unwrap(), mime);
        assert!(Files::new(&path).is_err());
    }
}
