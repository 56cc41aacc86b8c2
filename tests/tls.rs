//! TLS: who may connect, whose certificates count, and certificates that change while calls run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::watching::shipments;
use common::{World, eventually, track};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use waybill::auth::settings::SpiffeSettings;
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;

const CHECKOUT: &str = "spiffe://prod/ns/shop/sa/checkout";

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A certificate and its key, PEM.
    fn sign(&self, names: &[SanType]) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        (signed.pem(), key.serialize_pem())
    }

    fn server(&self) -> (String, String) {
        self.sign(&[SanType::DnsName("localhost".try_into().unwrap())])
    }

    fn client(&self, ids: &[&str]) -> Identity {
        let names = ids.iter().map(|id| SanType::URI((*id).try_into().unwrap()));
        let (cert, key) = self.sign(&names.collect::<Vec<_>>());
        Identity::from_pem(cert, key)
    }
}

async fn connect(
    world: &World,
    roots: &Authority,
    identity: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&roots.pem))
        .domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let address = format!("https://{}", world.app.address);
    Endpoint::from_shared(address)?
        .tls_config(tls)?
        .connect()
        .await
}

/// A gateway that asks clients for certificates, its files in a folder.
async fn world(folder: &Path, authority: &Authority, required: bool) -> World {
    let (cert, key) = authority.server();
    let files = [("cert", &cert), ("key", &key), ("ca", &authority.pem)];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    World::start(|config| {
        let tls = &mut config.server.tls;
        tls.cert_file = folder.join("cert");
        tls.key_file = folder.join("key");
        tls.client_ca_file = folder.join("ca");
        tls.require_client_cert = required;
        let client = SpiffeSettings {
            tenant: "shop-a".to_owned(),
            scopes: vec!["track".to_owned(), "watch".to_owned()],
        };
        config.auth.spiffe.insert(CHECKOUT.to_owned(), client);
    })
    .await
}

async fn code(channel: Result<Channel, tonic::transport::Error>, number: &str) -> Option<Code> {
    let mut client = TrackingServiceClient::new(channel.ok()?);
    let answer = client.track(track(number)).await;
    let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
    // A connection that the server has closed during the hand-shake.
    (!matches!(code, Code::Unknown | Code::Unavailable)).then_some(code)
}

#[tokio::test]
async fn a_client_is_whom_its_certificate_names_exactly() {
    let (folder, authority, other) = (
        tempfile::tempdir().unwrap(),
        Authority::new(),
        Authority::new(),
    );
    let world = world(folder.path(), &authority, false).await;
    let number = world.ups_number("delivered");
    let cases = [
        ("right", Some(authority.client(&[CHECKOUT])), Some(Code::Ok)),
        ("no certificate", None, Some(Code::Unauthenticated)),
        (
            "another workload",
            Some(authority.client(&["spiffe://prod/ns/shop/sa/other"])),
            Some(Code::Unauthenticated),
        ),
        (
            "longer",
            Some(authority.client(&[&format!("{CHECKOUT}/x")])),
            Some(Code::Unauthenticated),
        ),
        (
            "another letter",
            Some(authority.client(&["spiffe://prod/ns/shop/sa/Checkout"])),
            Some(Code::Unauthenticated),
        ),
        (
            "two names",
            Some(authority.client(&[CHECKOUT, "spiffe://prod/other"])),
            Some(Code::Unauthenticated),
        ),
        ("another authority", Some(other.client(&[CHECKOUT])), None),
    ];
    for (what, identity, expected) in cases {
        let channel = connect(&world, &authority, identity).await;
        assert_eq!(code(channel, &number).await, expected, "{what}");
    }
    let trusting_other = connect(&world, &other, None).await;
    assert!(
        trusting_other.is_err(),
        "a client that does not trust the server"
    );
    // The hand-shake has to come; a client in clear gets nothing.
    let clear = Endpoint::from_shared(format!("http://{}", world.app.address)).unwrap();
    let clear = clear.connect().await;
    assert_eq!(code(clear, &number).await, None);
    world.stop().await;
}

#[tokio::test]
async fn clients_without_a_certificate_are_refused_if_one_is_required() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let world = world(folder.path(), &authority, true).await;
    let number = world.ups_number("delivered");
    let right = connect(&world, &authority, Some(authority.client(&[CHECKOUT]))).await;
    assert_eq!(code(right, &number).await, Some(Code::Ok));
    let without = connect(&world, &authority, None).await;
    assert_eq!(code(without, &number).await, None);
    world.stop().await;
}

#[tokio::test]
async fn certificates_change_while_a_stream_runs() {
    let (folder, old, new) = (
        tempfile::tempdir().unwrap(),
        Authority::new(),
        Authority::new(),
    );
    // As Kubernetes mounts secrets: files are links through a link to a folder.
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    };
    std::fs::create_dir(folder.path().join("..1")).unwrap();
    link("..1", "..data");
    for name in ["cert", "key", "ca"] {
        link(&format!("..data/{name}"), name);
    }
    let world = world(folder.path(), &old, false).await;
    let number = world.ups_number("in-transit");
    let channel = connect(&world, &old, Some(old.client(&[CHECKOUT])))
        .await
        .unwrap();
    let mut client = TrackingServiceClient::new(channel);
    let open = v1::WatchOpen {
        heartbeat_interval: Some(Duration::from_secs(5).try_into().unwrap()),
        ..shipments([number.clone()])
    };
    let request = v1::FollowRequest { open: Some(open) };
    let mut stream = client.follow(request).await.unwrap().into_inner();
    // A file that is no certificate changes nothing.
    std::fs::write(folder.path().join("cert"), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let still = connect(&world, &old, Some(old.client(&[CHECKOUT]))).await;
    assert_eq!(code(still, &number).await, Some(Code::Ok));
    // All of them change at once, when the link to the folder is replaced.
    let next = folder.path().join("..2");
    std::fs::create_dir(&next).unwrap();
    let (cert, key) = new.server();
    for (name, text) in [("cert", &cert), ("key", &key), ("ca", &new.pem)] {
        std::fs::write(next.join(name), text).unwrap();
    }
    link("..2", "..data_tmp");
    let data = folder.path().join("..data");
    std::fs::rename(folder.path().join("..data_tmp"), data).unwrap();
    eventually("the new certificate is served", async || {
        let channel = connect(&world, &new, Some(new.client(&[CHECKOUT]))).await;
        code(channel, &number).await == Some(Code::Ok)
    })
    .await;
    // Whoever the old authority vouches for is nobody now.
    let stale = connect(&world, &new, Some(old.client(&[CHECKOUT]))).await;
    assert_eq!(code(stale, &number).await, None);
    // What runs goes on, over the connection that it began on.
    loop {
        match stream.message().await.unwrap().expect("it goes on").kind {
            Some(Kind::Heartbeat(_)) => break,
            Some(Kind::GoingAway(away)) => panic!("{away:?}"),
            _ => {}
        }
    }
    client.track(track(&number)).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn files_that_do_not_fit_are_named() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ((cert, _), (_, key)) = (authority.server(), authority.server());
    for (name, text) in [("cert", cert.as_str()), ("key", &key), ("empty", "")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let start = async |cert: &str, key: &str, ca: &str| {
        let mut config = waybill::config::Config::default();
        (config.server.listen, config.server.side) = (common::ANY, common::ANY);
        let tls = &mut config.server.tls;
        for (setting, name) in [
            (&mut tls.cert_file, cert),
            (&mut tls.key_file, key),
            (&mut tls.client_ca_file, ca),
        ] {
            if !name.is_empty() {
                *setting = folder.path().join(name);
            }
        }
        let clock = waybill::clock::Clock::system();
        let started = waybill::app::start(config, common::registry(), clock).await;
        started.err().unwrap_or_default()
    };
    for (cert, key, ca, expected) in [
        ("cert", "", "", "belong together"),
        ("", "", "cert", "client_ca_file"),
        ("cert", "key", "", "certificate and key"),
        ("missing", "key", "", "server.tls.cert_file"),
        ("empty", "key", "", "server.tls.cert_file"),
        ("cert", "empty", "", "server.tls.key_file"),
    ] {
        let error = start(cert, key, ca).await;
        assert!(error.contains(expected), "{cert} {key} {ca}: {error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
