//! What a certificate says of its owner.

use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

/// `id-at-commonName`.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const TEXTS: [Tag; 4] = [Tag::Utf8String, Tag::PrintableString, Tag::TeletexString, Tag::Ia5String];

/// The first common name of a certificate's subject; none if there is none that is text.
pub fn common_name(der: &[u8]) -> Option<String> {
    let subject = Certificate::from_der(der).ok()?.tbs_certificate.subject;
    let mut attributes = subject.0.iter().flat_map(|attributes| attributes.0.iter());
    let name = &attributes.find(|attribute| attribute.oid == COMMON_NAME)?.value;
    let text = std::str::from_utf8(name.value()).ok().filter(|_| TEXTS.contains(&name.tag()))?;
    (!text.contains('\0')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    fn certificate(subject: &[(DnType, DnValue)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn text(text: &str) -> DnValue {
        DnValue::Utf8String(text.into())
    }

    #[test]
    fn the_common_name_of_the_subject() {
        let both = [(DnType::OrganizationName, text("users")), (DnType::CommonName, text("bob"))];
        assert_eq!(common_name(&certificate(&both)).as_deref(), Some("bob"));
        let long = "x".repeat(300);
        let name = [(DnType::CommonName, text(&long))];
        assert_eq!(common_name(&certificate(&name)), Some(long));
        let printable = DnValue::PrintableString("al".try_into().unwrap());
        assert_eq!(common_name(&certificate(&[(DnType::CommonName, printable)])).as_deref(), Some("al"));
        assert_eq!(common_name(&certificate(&both[..1])), None);
        assert_eq!(common_name(&certificate(&[(DnType::CommonName, text("bob\0eve"))])), None);
    }

    proptest! {
        #[test]
        fn damaged_certificates_have_some_name_or_none(at in 0usize..300, byte in 0u8..=255, end in 0usize..400) {
            static DER: std::sync::LazyLock<Vec<u8>> =
                std::sync::LazyLock::new(|| certificate(&[(DnType::CommonName, text("bob"))]));
            let mut der = DER.clone();
            let place = at % der.len();
            der[place] = byte;
            let _ = common_name(&der);
            der.truncate(end);
            let _ = common_name(&der);
        }
    }
}
