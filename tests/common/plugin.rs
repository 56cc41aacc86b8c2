//! A plug-in made up for tests: it does what the test told it to do.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use waybill::adapter::v1 as wire;
use waybill::adapter::v1::adapter_service_server::{AdapterService, AdapterServiceServer};
use waybill::adapter::v1::fetch_response::Answer;
use waybill::config::PluginSettings;
use waybill::remote::{self, Remote};
use waybill::v1;
use waybill::v1::SourceResult;
use waybill_core::registry::Registry;

use super::ANY;

pub const NUMBER: &str = "ACME000001";

/// What the plug-in of a test does when it is asked.
#[derive(Clone)]
pub enum Does {
    /// Answers with these messages, and ends.
    Says(Vec<wire::FetchResponse>),
    /// Fails the call.
    Fails(Code),
    /// Never answers.
    Hangs,
}

struct Plugin {
    does: Arc<Mutex<Does>>,
    asked: Arc<Mutex<Vec<wire::FetchRequest>>>,
    trace: Arc<Mutex<String>>,
}

type Stream<T> = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AdapterService for Plugin {
    async fn describe(
        &self,
        _: Request<wire::DescribeRequest>,
    ) -> Result<Response<wire::DescribeResponse>, Status> {
        let source = wire::OfferedSource {
            id: "acme".to_owned(),
            carrier: "acme".to_owned(),
            max_batch_size: 3,
        };
        Ok(Response::new(wire::DescribeResponse {
            adapter_version: "1.0.0".to_owned(),
            sources: vec![source],
        }))
    }

    type FetchStream = Stream<wire::FetchResponse>;

    async fn fetch(
        &self,
        request: Request<wire::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        assert!(request.metadata().contains_key("grpc-timeout"));
        if let Some(trace) = request.metadata().get("traceparent") {
            *self.trace.lock().unwrap() = trace.to_str().unwrap().to_owned();
        }
        self.asked.lock().unwrap().push(request.into_inner());
        let does = self.does.lock().unwrap().clone();
        match does {
            Does::Says(messages) => {
                let messages = messages.into_iter().map(Ok);
                Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
            }
            Does::Fails(code) => Err(Status::new(code, format!("about {NUMBER}"))),
            Does::Hangs => std::future::pending().await,
        }
    }

    async fn subscribe(
        &self,
        request: Request<wire::SubscribeRequest>,
    ) -> Result<Response<wire::SubscribeResponse>, Status> {
        let renew_time = (!request.get_ref().cancel).then_some(prost_types::Timestamp {
            seconds: 2_000_000_000,
            nanos: 0,
        });
        let done = wire::SubscribeResult {
            failure: None,
            renew_time,
        };
        let refused = wire::SubscribeResult {
            failure: Some(failure(SourceResult::Throttled)),
            renew_time: None,
        };
        let results = vec![done, refused];
        Ok(Response::new(wire::SubscribeResponse { results }))
    }

    async fn translate_push(
        &self,
        request: Request<wire::TranslatePushRequest>,
    ) -> Result<Response<wire::TranslatePushResponse>, Status> {
        if let Does::Fails(code) = *self.does.lock().unwrap() {
            return Err(Status::new(code, format!("about {NUMBER}")));
        }
        let push = request.into_inner();
        let signature = push.headers.iter().find(|it| it.name == "x-signature");
        if signature.is_none_or(|header| header.value != "good") {
            return Err(Status::permission_denied("no"));
        }
        assert_eq!(push.http_method, "POST");
        assert!(["/push?a=b", "/push/acme?a=b"].contains(&push.http_path.as_str()));
        Ok(Response::new(wire::TranslatePushResponse {
            reports: vec![report(String::from_utf8(push.body).unwrap().as_str())],
            push_id: "p1".to_owned(),
            poll_numbers: vec!["acme 000 002".to_owned()],
            http_status: 202,
            http_headers: vec![wire::HttpHeader {
                name: "content-type".to_owned(),
                value: "text/plain".to_owned(),
            }],
            http_body: b"thanks".to_vec(),
        }))
    }
}

/// A running plug-in, and the way to tell it what to do.
pub struct Running {
    pub settings: PluginSettings,
    pub does: Arc<Mutex<Does>>,
    pub asked: Arc<Mutex<Vec<wire::FetchRequest>>>,
    /// The `traceparent` of the last question.
    pub trace: Arc<Mutex<String>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(does: Does) -> Self {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let does = Arc::new(Mutex::new(does));
        let asked = Arc::default();
        let trace = Arc::default();
        let plugin = Plugin {
            does: Arc::clone(&does),
            asked: Arc::clone(&asked),
            trace: Arc::clone(&trace),
        };
        let serving = tokio::spawn(async move {
            Server::builder()
                .add_service(AdapterServiceServer::new(plugin))
                .serve_with_incoming(TcpIncoming::from(listener))
                .await
                .unwrap();
        });
        Self {
            settings: settings(endpoint),
            does,
            asked,
            trace,
            serving,
        }
    }

    pub fn says(&self, messages: Vec<wire::FetchResponse>) {
        *self.does.lock().unwrap() = Does::Says(messages);
    }

    /// The adapter alone, without guard and gateway.
    pub fn adapter(&self, change: impl FnOnce(&mut PluginSettings)) -> Remote {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let plugins = [("acme".to_owned(), settings.clone())].into();
        let registry = remote::registry(Registry::new(&[]), &plugins).unwrap();
        let source = registry.get("acme").unwrap();
        Remote::new(source, &settings.endpoint, &source.limits).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub fn settings(endpoint: String) -> PluginSettings {
    let mut settings = PluginSettings {
        endpoint,
        carrier: "acme".to_owned(),
        language: "en".to_owned(),
        hints: vec!["postal_code".to_owned()],
        ..PluginSettings::default()
    };
    settings.limits.per_second = Some(10_000.0);
    settings.limits.burst = Some(10_000);
    settings
}

pub fn claim(code: i32, local_time: &str) -> wire::Claim {
    wire::Claim {
        native_code: "X9".to_owned(),
        native_text: "Went by".to_owned(),
        code,
        time: Some(v1::EventTime {
            local_time: local_time.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub fn report(number: &str) -> wire::SourceReport {
    wire::SourceReport {
        tracking_number: number.to_owned(),
        claims: vec![
            claim(201, "2026-03-01T10:00"),
            claim(301, "2026-03-01T12:00"),
        ],
        ..Default::default()
    }
}

pub fn found(index: u32, reports: Vec<wire::SourceReport>) -> wire::FetchResponse {
    wire::FetchResponse {
        index,
        answer: Some(Answer::Found(wire::Found { reports })),
    }
}

pub fn failure(result: SourceResult) -> wire::Failure {
    wire::Failure {
        result: result as i32,
        ..Default::default()
    }
}

pub fn failed(result: SourceResult) -> wire::FetchResponse {
    wire::FetchResponse {
        index: 0,
        answer: Some(Answer::Failure(failure(result))),
    }
}
