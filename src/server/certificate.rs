//! What a certificate says of its owner.

/// A value in DER: its tag and its content. Lengths beyond what a certificate has are refused.
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
/// The version of a certificate, which may be left out.
const VERSION: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// UTF8String, PrintableString, TeletexString, IA5String.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// Takes the first value off `der`.
fn take<'a>(der: &mut &'a [u8]) -> Option<Value<'a>> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let digits = usize::from(first & 0x7f);
        if !(1..=3).contains(&digits) {
            return None;
        }
        let (number, rest) = rest.split_at_checked(digits)?;
        (number.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some(Value { tag, content })
}

fn take_tagged<'a>(der: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take(der).filter(|value| value.tag == tag).map(|value| value.content)
}

/// The first common name of a certificate's subject; none if there is none that is text.
pub fn common_name(der: &[u8]) -> Option<String> {
    let mut certificate = take_tagged(&mut { der }, SEQUENCE)?;
    let mut fields = take_tagged(&mut certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        take(&mut fields)?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        take(&mut fields)?;
    }
    let mut subject = take_tagged(&mut fields, SEQUENCE)?;
    while !subject.is_empty() {
        let mut attributes = take_tagged(&mut subject, SET)?;
        while !attributes.is_empty() {
            let mut attribute = take_tagged(&mut attributes, SEQUENCE)?;
            if take_tagged(&mut attribute, OBJECT_ID)? == COMMON_NAME {
                let name = take(&mut attribute).filter(|name| TEXTS.contains(&name.tag))?;
                let name = std::str::from_utf8(name.content).ok()?;
                return (!name.contains('\0')).then(|| name.to_owned());
            }
        }
    }
    None
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
