//! Whose signature counts, and that nothing altered does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

use cordon_records::{CommandId, CommandRecord, TenantId};
use cordon_signing::{AllowedSigners, InvalidSignature};
use proptest::prelude::*;
use support::{Pen, approval, armour, now, other_command, signers};

fn ann() -> (Pen, AllowedSigners) {
    let pen = Pen::ed25519(1);
    let file = signers(&[format!("ann@example.com {}", pen.line())]);
    (pen, file)
}

fn refusal(file: &AllowedSigners, record: &CommandRecord) -> InvalidSignature {
    file.verify(record, now()).unwrap_err()
}

#[test]
fn a_signature_names_the_person_and_the_key() {
    let (pen, file) = ann();
    let signer = file.verify(&pen.signed(&approval()), now()).unwrap();
    assert_eq!(signer.principal, "ann@example.com");
    // As `ssh-keygen -l` prints it.
    assert_eq!(signer.fingerprint, "SHA256:fe85JkIjo8VPe+XqXJGH5Mau1EMFdK1OdKvJUFicyA8");
}

#[test]
fn the_name_is_the_lines_first_plain_principal_whatever_the_command_says_of_itself() {
    let pen = Pen::ed25519(1);
    let file = signers(&[format!("*@example.com,!eve@example.com,ann@example.com,bob@example.com {}", pen.line())]);
    let mut record = approval();
    record.by = "bob@example.com".to_owned();
    assert_eq!(file.verify(&pen.signed(&record), now()).unwrap().principal, "ann@example.com");
}

#[test]
fn a_command_without_a_signature_and_a_file_without_a_key_let_nobody_through() {
    let (pen, file) = ann();
    assert_eq!(refusal(&file, &approval()), InvalidSignature::Unsigned);
    assert_eq!(refusal(&AllowedSigners::default(), &pen.signed(&approval())), InvalidSignature::NobodyAllowed);
}

#[test]
fn a_key_that_the_file_does_not_name_is_named_by_its_fingerprint() {
    let (_, file) = ann();
    let refusal = refusal(&file, &Pen::ed25519(2).signed(&approval()));
    assert!(
        matches!(&refusal, InvalidSignature::UnknownKey { fingerprint } if fingerprint.starts_with("SHA256:")),
        "{refusal}"
    );
}

#[test]
fn a_signature_that_was_made_for_git_is_not_taken() {
    let (pen, file) = ann();
    let mut record = approval();
    record.signature = Some(pen.blob_for("git", &record.statement().unwrap()).armour());
    assert_eq!(refusal(&file, &record), InvalidSignature::WrongNamespace { found: "git".to_owned() });
    // The label alone is not what was signed.
    let mut relabelled = pen.blob_for("git", &record.statement().unwrap());
    relabelled.namespace = "cordon";
    record.signature = Some(relabelled.armour());
    assert!(matches!(refusal(&file, &record), InvalidSignature::Altered { .. }));
}

#[test]
fn a_key_signs_only_what_and_when_its_line_allows() {
    let pen = Pen::ed25519(1);
    let told = |options: &str| {
        let file = signers(&[format!("ann {options} {}", pen.line())]);
        file.verify(&pen.signed(&approval()), now()).map(|signer| signer.principal)
    };
    assert_eq!(told("namespaces=\"git,cor*\""), Ok("ann".to_owned()));
    assert!(matches!(told("namespaces=\"git\""), Err(InvalidSignature::NamespaceNotAllowed { .. })));
    assert!(matches!(told("namespaces=\"*,!cordon\""), Err(InvalidSignature::NamespaceNotAllowed { .. })));
    assert_eq!(told("valid-after=\"20261124120000Z\",valid-before=\"20261124120001Z\""), Ok("ann".to_owned()));
    assert_eq!(told("valid-before=\"20261124120000Z\""), Ok("ann".to_owned()), "that instant is included");
    assert!(matches!(told("valid-after=\"20261124120001Z\""), Err(InvalidSignature::NotYetValid { .. })));
    assert!(matches!(told("valid-before=\"20261124115959Z\""), Err(InvalidSignature::NoLongerValid { .. })));
}

#[test]
fn one_line_of_several_that_permits_the_key_is_enough() {
    let pen = Pen::ed25519(1);
    let lines = ["valid-before=\"20200101Z\"", "namespaces=\"git\"", "valid-after=\"20260101Z\""];
    let lines = lines.map(|options| format!("ann {options} {}", pen.line()));
    assert!(signers(&lines).verify(&pen.signed(&approval()), now()).is_ok());
    assert!(matches!(refusal(&signers(&lines[..2]), &pen.signed(&approval())), InvalidSignature::NoLongerValid { .. }));
}

#[test]
fn a_fido_key_counts_when_somebody_touched_it() {
    for make in [Pen::sk_ed25519, Pen::sk_ecdsa] {
        let (touched, untouched) = (make(0x01), make(0x04));
        for (pen, good) in [(touched, true), (untouched, false)] {
            let file = signers(&[format!("ann {}", pen.line())]);
            let verified = file.verify(&pen.signed(&approval()), now());
            assert_eq!(verified.is_ok(), good, "{} {verified:?}", pen.kind());
            assert!(good || matches!(verified, Err(InvalidSignature::Untouched { .. })));
        }
    }
}

#[test]
fn an_untouched_fido_signature_cannot_be_made_a_touched_one() {
    let pen = Pen::sk_ed25519(0x00);
    let file = signers(&[format!("ann {}", pen.line())]);
    let mut blob = pen.blob(&approval());
    let flags = blob.signature.len() - 5;
    blob.signature[flags] = 0x01;
    let record = CommandRecord { signature: Some(blob.armour()), ..approval() };
    assert!(matches!(refusal(&file, &record), InvalidSignature::Altered { .. }));
}

#[test]
fn a_signature_of_another_version_or_with_a_reserved_field_is_not_taken() {
    let (pen, file) = ann();
    let good = pen.blob(&approval());
    let mut bad = vec![good.clone(), good.clone(), good.clone(), good];
    bad[0].version = 0;
    bad[1].version = 2;
    bad[2].reserved = b"x";
    bad[3].hash = "sha1";
    for blob in bad {
        let record = CommandRecord { signature: Some(blob.armour()), ..approval() };
        let refusal = refusal(&file, &record);
        assert!(matches!(refusal, InvalidSignature::Malformed { .. }), "{refusal}");
    }
}

#[test]
fn what_is_no_signature_and_what_is_far_too_long_for_one_is_malformed() {
    let (pen, file) = ann();
    let good = pen.signed(&approval()).signature.unwrap();
    for text in ["", "yes", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", &good.repeat(80)] {
        let record = CommandRecord { signature: Some(text.to_owned()), ..approval() };
        assert!(matches!(refusal(&file, &record), InvalidSignature::Malformed { .. }), "{text}");
    }
}

#[test]
fn a_signature_with_any_byte_changed_is_refused() {
    for pen in [Pen::ed25519(1), Pen::sk_ed25519(1), Pen::sk_ecdsa(1)] {
        let file = signers(&[format!("ann {}", pen.line())]);
        let good = pen.blob(&approval()).bytes();
        for place in 0..good.len() {
            for by in [1, 2, 0x10, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[place] ^= by;
                let record = CommandRecord { signature: Some(armour(&bytes)), ..approval() };
                assert!(file.verify(&record, now()).is_err(), "{} byte {place} ^ {by}", pen.kind());
            }
        }
        let record = CommandRecord { signature: Some(armour(&[&good[..], b"x"].concat())), ..approval() };
        assert!(file.verify(&record, now()).is_err(), "a byte more");
    }
}

/// Every way to say something else with the same signature.
fn altered() -> impl Strategy<Value = CommandRecord> {
    (0..8_u8, "[a-z0-9]{1,12}", 1..100_000_000_i64).prop_map(|(field, text, seconds)| {
        let mut record = approval();
        let later = |at: jiff::Timestamp| at + jiff::SignedDuration::from_secs(seconds);
        match field {
            0 => record.id = Some(CommandId::new(text).unwrap()),
            1 => record.tenant = Some(TenantId::new(text).unwrap()),
            2 => record.command = other_command(),
            3 => record.by += &text,
            4 => record.why = text,
            5 => record.at = later(record.at),
            6 => record.expires_at = record.expires_at.map(later),
            _ => record.schema_version += 1,
        }
        record
    })
}

proptest! {
    #[test]
    fn a_command_with_any_field_changed_is_refused(changed in altered()) {
        let (pen, file) = ann();
        let signed = pen.signed(&approval());
        let changed = CommandRecord { signature: signed.signature, ..changed };
        let refused = matches!(file.verify(&changed, now()), Err(InvalidSignature::Altered { .. }));
        prop_assert!(refused, "{changed:?}");
    }

    #[test]
    fn a_command_with_a_field_taken_away_is_refused(field in 0..3_u8) {
        let (pen, file) = ann();
        let mut record = pen.signed(&approval());
        match field {
            0 => record.id = None,
            1 => record.tenant = None,
            _ => record.expires_at = None,
        }
        prop_assert!(file.verify(&record, now()).is_err());
    }

    #[test]
    fn an_armour_with_any_byte_changed_is_refused_or_holds_the_same(
        place in any::<prop::sample::Index>(),
        by in 1..=127_u8,
    ) {
        let (pen, file) = ann();
        let good = pen.signed(&approval()).signature.unwrap();
        let mut bytes = good.clone().into_bytes();
        *place.get_mut(&mut bytes) ^= by;
        let text = String::from_utf8(bytes).unwrap();
        let record = CommandRecord { signature: Some(text.clone()), ..approval() };
        if file.verify(&record, now()).is_ok() {
            // Only what stands between two lines may differ.
            let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<String>();
            prop_assert_eq!(lines(&text.replace('\r', "\n")), lines(&good));
        }
    }

    #[test]
    fn no_text_in_place_of_a_signature_is_taken_and_none_panics(
        text in any::<String>(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (_, file) = ann();
        let framed = armour(&[b"SSHSIG\x00\x00\x00\x01".to_vec(), bytes].concat());
        for signature in [text, framed] {
            let record = CommandRecord { signature: Some(signature), ..approval() };
            prop_assert!(file.verify(&record, now()).is_err());
        }
    }

    #[test]
    fn a_signature_cut_anywhere_is_refused(place in any::<prop::sample::Index>()) {
        for pen in [Pen::ed25519(1), Pen::sk_ecdsa(1)] {
            let file = signers(&[format!("ann {}", pen.line())]);
            let bytes = pen.blob(&approval()).bytes();
            let record = CommandRecord { signature: Some(armour(&bytes[..place.index(bytes.len())])), ..approval() };
            prop_assert!(file.verify(&record, now()).is_err());
        }
    }
}
