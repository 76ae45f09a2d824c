//! Message encryption for Web Push (RFC 8291) as one record of aes128gcm (RFC 8188), over the primitives of aws-lc.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A push service takes bodies of 4,096 bytes at least, and need not take more (RFC 8030, section 7.2). Header and tag take
/// 103 of them.
pub const LARGEST_TEXT: usize = 3_993;

/// Of what browsers say; they leave the padding out.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of a browser's subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    p256dh: [u8; 65],
    auth: [u8; 16],
}

/// Without the secret one.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("p256dh", &BASE64.encode(self.p256dh)).finish_non_exhaustive()
    }
}

/// Which of the two is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("must be an uncompressed point of P-256 in base64url")]
    P256dh,
    #[error("must be 16 bytes in base64url")]
    Auth,
}

impl Keys {
    /// As `PushSubscription.toJSON()` has them.
    pub fn read(p256dh: &str, auth: &str) -> Result<Self, BadKey> {
        let p256dh = BASE64.decode(p256dh).map_err(|_| BadKey::P256dh)?;
        let auth = BASE64.decode(auth).map_err(|_| BadKey::Auth)?;
        Self::of(&p256dh, &auth)
    }

    pub fn of(p256dh: &[u8], auth: &[u8]) -> Result<Self, BadKey> {
        let p256dh: [u8; 65] = p256dh.try_into().map_err(|_| BadKey::P256dh)?;
        let auth = auth.try_into().map_err(|_| BadKey::Auth)?;
        // The other encodings of a point have other lengths or first bytes; one off the curve is none.
        let on_curve =
            ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, p256dh.as_slice())).is_ok();
        match p256dh[0] == 4 && on_curve {
            true => Ok(Self { p256dh, auth }),
            false => Err(BadKey::P256dh),
        }
    }

    pub fn p256dh(&self) -> &[u8] {
        &self.p256dh
    }

    pub fn auth(&self) -> &[u8] {
        &self.auth
    }
}

/// The body of a push: under a key of its own each time.
pub(crate) fn encrypt(text: &[u8], to: &Keys) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; 16];
    rand::fill(&mut salt)?;
    encrypt_with(text, to, &PrivateKey::generate(&ECDH_P256)?, salt)
}

fn encrypt_with(text: &[u8], to: &Keys, ours: &PrivateKey, salt: [u8; 16]) -> Result<Vec<u8>, Unspecified> {
    if text.len() > LARGEST_TEXT {
        return Err(Unspecified);
    }
    let public = ours.compute_public_key()?;
    let public = public.as_ref();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, to.p256dh.as_slice());
    let secret = agree(ours, theirs, Unspecified, |shared| {
        derive::<32>(&to.auth, shared, &[b"WebPush: info\0", &to.p256dh, public])
    })?;
    let key: [u8; 16] = derive(&salt, &secret, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(&salt, &secret, &[b"Content-Encoding: nonce\0"])?;

    // The last record, without padding.
    let mut record = [text, &[2]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
    // Salt, size of a record, and our public key as the key's id.
    let mut body = [&salt[..], &4096_u32.to_be_bytes(), &[65], public].concat();
    body.append(&mut record);
    Ok(body)
}

/// HKDF with SHA-256.
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut derived = [0; N];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret).expand(info, Length(N))?.fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256DH: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn the_example_of_rfc_8291_comes_out() {
        let bytes = |text: &str| BASE64.decode(text).unwrap();
        let keys = Keys::read(P256DH, AUTH).unwrap();
        let ours =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = encrypt_with(text, &keys, &ours.unwrap(), salt).unwrap();
        assert_eq!(
            BASE64.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_\
             yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(Keys::read(&format!("{P256DH}="), &format!("{AUTH}==")).is_ok());
        let point = BASE64.decode(P256DH).unwrap();
        let moved = [&point[..64], &[point[64] ^ 1]].concat();
        for p256dh in [
            vec![],
            point[..64].to_vec(),
            [&point[..], &[0]].concat(),
            [&[2], &point[1..33]].concat(),
            moved,
            vec![4; 65],
        ] {
            assert_eq!(Keys::read(&BASE64.encode(p256dh), AUTH), Err(BadKey::P256dh));
        }
        for auth in ["", "BTBZMqHH6r4Tts7J_aSI", "BTBZMqHH6r4Tts7J_aSIgg00", "§"] {
            assert_eq!(Keys::read(P256DH, auth), Err(BadKey::Auth), "{auth}");
        }
        assert_eq!(Keys::read("BCVx+/==", AUTH), Err(BadKey::P256dh));
    }

    #[test]
    fn a_body_has_its_limit_and_is_never_the_same() {
        let keys = Keys::read(P256DH, AUTH).unwrap();
        let most = [b'x'; LARGEST_TEXT];
        let body = encrypt(&most, &keys).unwrap();
        assert_eq!(body.len(), 4096);
        assert_ne!(body, encrypt(&most, &keys).unwrap());
        assert!(encrypt(&[b'x'; LARGEST_TEXT + 1], &keys).is_err());
    }
}
