//! Verifies the signatures of tokens with ring, which TLS uses too. Nothing here signs.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use signature_traits::Verifier;

/// The algorithms that are taken at all, with their names. None of them works with a secret that
/// both sides know, so a public key can never be taken for one.
pub(super) const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("EdDSA", Algorithm::EdDSA),
];

/// Makes this the crate's cryptography. More than one call is fine.
pub(super) fn install() {
    static RING: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    // An error means that it is there already.
    let _there = RING.install_default();
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let unfit = || Error::from(ErrorKind::InvalidKeyFormat);
    let fits = |family| (key.family() == family).then_some(()).ok_or_else(unfit);
    let check = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => {
            fits(AlgorithmFamily::Rsa)?;
            let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
                return Err(unfit());
            };
            let parameters: &'static RsaParameters = match algorithm {
                Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                _ => &signature::RSA_PSS_2048_8192_SHA256,
            };
            let (n, e) = (n.clone(), e.clone());
            Check::Rsa(parameters, RsaPublicKeyComponents { n, e })
        }
        Algorithm::ES256 => {
            fits(AlgorithmFamily::Ec)?;
            let point = key.try_get_as_bytes()?.to_vec();
            let how = &signature::ECDSA_P256_SHA256_FIXED;
            Check::Other(UnparsedPublicKey::new(how, point))
        }
        Algorithm::EdDSA => {
            fits(AlgorithmFamily::Ed)?;
            let point = key.try_get_as_bytes()?.to_vec();
            Check::Other(UnparsedPublicKey::new(&signature::ED25519, point))
        }
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(Verification(*algorithm, check)))
}

struct Verification(Algorithm, Check);

enum Check {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Other(UnparsedPublicKey<Vec<u8>>),
}

impl Verifier<Vec<u8>> for Verification {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature_traits::Error> {
        let checked = match &self.1 {
            Check::Rsa(how, key) => key.verify(how, message, signature),
            Check::Other(key) => key.verify(message, signature),
        };
        checked.map_err(|_| signature_traits::Error::new())
    }
}

impl JwtVerifier for Verification {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}
