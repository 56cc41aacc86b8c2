//! A cached `Track` against the two baselines, with a record of 25 events, and once more with one that
//! is 3.5 KB encoded: 25 events of this API take more.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use serde_json::{Map, Value, json};
use tonic::{Request, Response, Status};
use waybill::grpc::reply::Reply;
use waybill::v1;
use waybill::v1::tracking_service_server::{TrackingService, TrackingServiceServer};

use crate::{layers, median};

/// Answer of a carrier that becomes the record: 25 events.
pub(crate) const ANSWER: &str = include_str!("answer.json");
/// Answer to a request for a token.
pub(crate) const TOKEN: &str = r#"{"access_token":"t","expires_in":"14399","token_type":"Bearer"}"#;
/// Number in it.
pub(crate) const NUMBER: &str = "1Z12345E0205271688";
/// Streams times connections, by calls in flight.
const LOADS: [(&str, &str, &str); 4] = [
    ("1", "1", "1"),
    ("8", "4", "2"),
    ("64", "8", "8"),
    ("512", "16", "32"),
];
const PAIRS: usize = 5;
const ROLES: [&str; 3] = ["waybill", "encode_per_call", "raw_bytes"];

/// Events of the record that is 3.5 KB encoded.
const FEWER: usize = 12;
/// Its bytes: 3.5 KB, 5 % more or less.
const LITTLE: std::ops::RangeInclusive<usize> = 3_325..=3_675;

pub(crate) fn run() -> Value {
    compare(usize::MAX, &LOADS)
}

/// The same with 64 calls in flight and a record of 3.5 KB.
pub(crate) fn run_little() -> Value {
    compare(FEWER, &LOADS[2..3])
}

fn compare(events: usize, loads: &[(&str, &str, &str)]) -> Value {
    let start = |role: &&str| Server::start(role, events);
    let mut servers: Vec<Server> = ROLES.iter().map(start).collect();
    let answer = servers[0].answer_bytes();
    println!(
        "record: {} events, {} bytes in the answer",
        answer.0, answer.1
    );
    if events == FEWER {
        assert!(LITTLE.contains(&answer.1), "{} bytes", answer.1);
    }
    let mut results = Map::new();
    for &(name, connections, streams) in loads {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..PAIRS {
            for (rates, server) in rates.iter_mut().zip(&servers) {
                rates.push(server.load(connections, streams));
            }
        }
        let [waybill, encode, raw] = rates.map(median);
        println!(
            "{name:>4} in flight: waybill {waybill:>7.0}/s, encode per call {encode:>7.0}/s ({:.2}x), raw bytes {raw:>7.0}/s ({:.2}x)",
            waybill / encode,
            waybill / raw,
        );
        let rates = json!({
            "waybill_rps": waybill,
            "encode_per_call_rps": encode,
            "raw_bytes_rps": raw,
        });
        results.insert(name.to_owned(), rates);
    }
    for server in &mut servers {
        server.stop();
    }
    Value::Object(results)
}

/// A server in a process of its own.
pub(crate) struct Server {
    child: Child,
    port: u16,
    request: tempfile::NamedTempFile,
    size: (usize, usize),
    /// Sent with each request.
    header: Option<String>,
}

impl Server {
    /// The same whose callers show a key.
    pub(crate) fn with_key(role: &str, events: usize, key: &str) -> Self {
        let header = Some(format!("authorization: Bearer {key}"));
        Self {
            header,
            ..Self::start(role, events)
        }
    }

    pub(crate) fn start(role: &str, events: usize) -> Self {
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(std::env::current_exe().unwrap())
            .args(["--serve", role, &events.to_string()])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .stderr(match role.contains("+lines") {
                // What is measured is the making of lines, not the terminal.
                true => Stdio::null(),
                false => Stdio::inherit(),
            })
            .spawn()
            .expect("taskset starts the server");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let numbers: Vec<usize> = first.split(' ').map(|it| it.parse().unwrap()).collect();
        let mut request = tempfile::NamedTempFile::new().unwrap();
        let message = v1::TrackRequest {
            tracking_number: NUMBER.into(),
            ..Default::default()
        };
        request.write_all(&frame(&message.encode_to_vec())).unwrap();
        let port = u16::try_from(numbers[0]).unwrap();
        Self {
            child,
            port,
            request,
            size: (numbers[1], numbers[2]),
            header: None,
        }
    }

    fn answer_bytes(&self) -> (usize, usize) {
        self.size
    }

    /// Requests per second under this load, and nothing but successes.
    pub(crate) fn load(&self, connections: &str, streams: &str) -> f64 {
        let header = self.header.iter().flat_map(|it| ["-H", it.as_str()]);
        let output = Command::new("taskset")
            .args([
                "-c",
                "1",
                "h2load",
                "-D",
                "2",
                "--warm-up-time=1",
                "-c",
                connections,
                "-m",
                streams,
            ])
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
            .args(header)
            .arg("-d")
            .arg(self.request.path())
            .arg(format!(
                "http://127.0.0.1:{}/waybill.v1.TrackingService/Track",
                self.port
            ))
            .output()
            .expect("h2load runs (Debian package nghttp2-client)");
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text
            .lines()
            .find(|line| line.starts_with("finished in"))
            .expect("h2load finishes");
        let failed = text
            .lines()
            .find(|line| line.starts_with("requests:"))
            .unwrap();
        assert!(failed.contains(" 0 failed, 0 errored"), "{failed}");
        let rate = line.split(", ").nth(1).unwrap().split(' ').next().unwrap();
        rate.parse().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

/// One of the servers: prints its port, the number of events and the size of the answer, and
/// stays until it is killed.
pub(crate) fn serve(role: &str, events: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (app, response) =
            gateway(shortened(events), |config| layers::put_on(config, role)).await;
        let events = response.shipments[0].events.len();
        let size = response.shipments[0].encoded_len();
        let ready = |port: u16| println!("{port} {events} {size}");
        match role {
            role if role.starts_with("waybill") => ready(app.address.port()),
            "encode_per_call" => {
                let service = TrackingServiceServer::new(Encode(response));
                ready(bare(tonic::service::Routes::new(service)).await);
            }
            "raw_bytes" => {
                let bytes = frame(&response.encode_to_vec());
                let path = "/waybill.v1.TrackingService/Track";
                let route = axum::routing::post(move || {
                    let bytes = bytes.clone();
                    async move {
                        http::Response::builder()
                            .header("content-type", "application/grpc")
                            .body(axum::body::Body::new(Reply::Frame(Some(bytes))))
                            .unwrap()
                    }
                });
                let router = axum::Router::new().route(path, route);
                ready(bare(tonic::service::Routes::from(router)).await);
            }
            other => panic!("no server {other}"),
        }
        std::future::pending::<()>().await;
    });
}

/// The carrier's answer with so many of its events, the newest ones.
fn shortened(events: usize) -> String {
    let mut answer: Value = serde_json::from_str(ANSWER).unwrap();
    let package = &mut answer["trackResponse"]["shipment"][0]["package"][0];
    let activities = package["activity"].as_array_mut().unwrap();
    activities.truncate(events);
    answer.to_string()
}

/// A gateway that holds the record, in front of a carrier that answers with it.
async fn gateway(
    answer: String,
    change: impl FnOnce(&mut waybill::config::Config) -> Option<String>,
) -> (waybill::app::App, v1::TrackResponse) {
    let carrier = axum::Router::new().fallback(move |uri: http::Uri| {
        let is_token = uri.path().contains("oauth");
        let body = if is_token { TOKEN } else { &answer }.to_owned();
        async move { body }
    });
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(port, carrier).await.unwrap() });
    let mut config = waybill::config::Config::default();
    let section =
        format!("base_url = \"http://{address}\"\nclient_id = \"a\"\nclient_secret = \"b\"");
    config
        .sources
        .insert("ups".into(), section.parse().unwrap());
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.side = "127.0.0.1:0".parse().unwrap();
    let key = change(&mut config);
    let registry = waybill_core::registry::Registry::new(waybill_adapters::ALL);
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, registry, clock).await.unwrap();
    let url = format!("http://{}", app.address);
    let channel = tonic::transport::Channel::from_shared(url)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = v1::tracking_service_client::TrackingServiceClient::new(channel);
    let request = || {
        let mut request = Request::new(v1::TrackRequest {
            tracking_number: NUMBER.into(),
            ..Default::default()
        });
        if let Some(key) = &key {
            let value = format!("Bearer {key}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        request
    };
    client.track(request()).await.unwrap();
    let response = client.track(request()).await.unwrap().into_inner();
    (app, response)
}

async fn bare(routes: tonic::service::Routes) -> u16 {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let number = port.local_addr().unwrap().port();
    let incoming = tonic::transport::server::TcpIncoming::from(port).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_routes(routes);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    number
}

/// Baseline (a).
struct Encode(v1::TrackResponse);

type Never<T> = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl TrackingService for Encode {
    async fn track(
        &self,
        _: Request<v1::TrackRequest>,
    ) -> Result<Response<v1::TrackResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
    async fn get_shipment(
        &self,
        _: Request<v1::GetShipmentRequest>,
    ) -> Result<Response<v1::GetShipmentResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    type BatchTrackStream = Never<v1::BatchTrackResponse>;
    async fn batch_track(
        &self,
        _: Request<v1::BatchTrackRequest>,
    ) -> Result<Response<Self::BatchTrackStream>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn update_exception(
        &self,
        _: Request<v1::UpdateExceptionRequest>,
    ) -> Result<Response<v1::UpdateExceptionResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    type GetEvidenceStream = Never<v1::GetEvidenceResponse>;
    async fn get_evidence(
        &self,
        _: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<Self::GetEvidenceStream>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    type FollowStream = Never<v1::WatchMessage>;
    async fn follow(
        &self,
        _: Request<v1::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    type WatchStream = Never<v1::WatchMessage>;
    async fn watch(
        &self,
        _: Request<tonic::Streaming<v1::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn list_events(
        &self,
        _: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn register_shipment(
        &self,
        _: Request<v1::RegisterShipmentRequest>,
    ) -> Result<Response<v1::RegisterShipmentResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn batch_register(
        &self,
        _: Request<v1::BatchRegisterRequest>,
    ) -> Result<Response<v1::BatchRegisterResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn unregister_shipment(
        &self,
        _: Request<v1::UnregisterShipmentRequest>,
    ) -> Result<Response<v1::UnregisterShipmentResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
    async fn list_shipments(
        &self,
        _: Request<v1::ListShipmentsRequest>,
    ) -> Result<Response<v1::ListShipmentsResponse>, Status> {
        Err(Status::unimplemented("a baseline"))
    }
}
