//! Callers with credentials: keys files, tokens, and what a call with them comes to.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use prost::Message as _;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use serde_json::{Value, json};
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use waybill::auth::keys::{self, NewKey};
use waybill::auth::pepper::Peppers;
use waybill::auth::settings::{self, Settings};
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_core::privacy::Secret;

/// A keys file of its own.
pub struct KeysFile {
    folder: tempfile::TempDir,
}

impl KeysFile {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self { folder };
        // A file with a key that nobody has, so that a server can start with it.
        file.key("nobody", &[]);
        file
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("keys.toml")
    }

    pub fn settings(&self) -> Settings {
        Settings {
            keys_file: self.path(),
            ..Settings::default()
        }
    }

    /// Makes a key with these scopes.
    pub fn key(&self, tenant: &str, scopes: &[&str]) -> String {
        self.key_until(tenant, scopes, None).1
    }

    /// Makes a key with a time, and returns its id too.
    pub fn key_until(
        &self,
        tenant: &str,
        scopes: &[&str],
        expire_time: Option<Timestamp>,
    ) -> (String, String) {
        let new = NewKey {
            tenant: tenant.to_owned(),
            name: String::new(),
            scopes: settings::scopes(scopes).unwrap(),
            expire_time,
        };
        let peppers = Peppers::read_or_create(&self.settings()).unwrap();
        let made = keys::create(&self.path(), &peppers, new, Timestamp::now());
        let (record, secret): (_, Secret) = made.unwrap();
        (record.id, secret.expose().to_owned())
    }
}

/// Puts a credential on every call.
#[derive(Clone)]
pub struct Bearer(pub String);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value: MetadataValue<_> = format!("Bearer {}", self.0).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

pub type Client = TrackingServiceClient<InterceptedService<Channel, Bearer>>;

/// A client that shows a credential.
pub fn with_key(channel: &Channel, key: &str) -> Client {
    TrackingServiceClient::with_interceptor(channel.clone(), Bearer(key.to_owned()))
}

/// Paths of the methods of a descriptor set.
pub fn methods(descriptors: &[u8]) -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(descriptors).unwrap();
    let mut all = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let (package, service, method) = (file.package(), service.name(), method.name());
                all.push(format!("/{package}.{service}/{method}"));
            }
        }
    }
    all
}

/// Calls a method with an empty message and these `authorization` headers, and returns how it ends:
/// its status, or `Ok` with its first message.
pub async fn call(channel: &Channel, path: &str, shown: &[&str]) -> Result<(), Status> {
    let mut request = Request::new(tokio_stream::once(()));
    for value in shown {
        request
            .metadata_mut()
            .append("authorization", value.parse().unwrap());
    }
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = path.parse().unwrap();
    let answer = grpc.streaming(request, path, codec).await?;
    answer.into_inner().message().await.map(|_| ())
}

/// An issuer of tokens.
pub struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

pub const ISSUER: &str = "https://idp.example";

impl Issuer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let how = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(include_bytes!("../data/auth/issuer-rsa.der")).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(how, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    /// The public keys.
    pub fn jwks(&self) -> Value {
        let rsa: signature::RsaPublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig",
             "n": BASE64.encode(rsa.n), "e": BASE64.encode(rsa.e)},
            {"kty": "EC", "kid": "ec", "crv": "P-256",
             "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "alg": "EdDSA",
             "x": BASE64.encode(self.ed.public_key().as_ref())},
            {"kty": "oct", "kid": "oct", "k": BASE64.encode(b"a secret that both sides know")},
            {"kty": "from the future", "kid": "new"},
        ]})
    }

    /// Modulus of the RSA key, as an attacker knows it.
    pub fn public_text(&self) -> Vec<u8> {
        self.jwks()["keys"][0].to_string().into_bytes()
    }

    /// A token with these claims.
    pub fn token(&self, algorithm: &str, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": algorithm, "kid": kid, "typ": "JWT"}), claims)
    }

    /// A token with this header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signature = self.sign(header["alg"].as_str().unwrap_or_default(), text.as_bytes());
        format!("{text}.{}", BASE64.encode(signature))
    }

    fn sign(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let mut signed = vec![0; self.rsa.public().modulus_len()];
        match algorithm {
            "RS256" => {
                let how = &signature::RSA_PKCS1_SHA256;
                self.rsa.sign(how, &random, text, &mut signed).unwrap();
                signed
            }
            "PS256" => {
                let how = &signature::RSA_PSS_SHA256;
                self.rsa.sign(how, &random, text, &mut signed).unwrap();
                signed
            }
            "ES256" => self.ec.sign(&random, text).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(text).as_ref().to_vec(),
            "HS256" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.public_text());
                ring::hmac::sign(&key, text).as_ref().to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// Claims of a good token, as of now.
pub fn claims(now: Timestamp) -> Value {
    json!({
        "iss": ISSUER,
        "aud": ["other", "waybill"],
        "exp": now.as_second() + 300,
        "nbf": now.as_second() - 10,
        "tenant": "shop-a",
        "scope": "openid track personal",
    })
}
