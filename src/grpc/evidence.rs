//! `TrackingService.GetEvidence`: a bundle, file by file.

use std::pin::Pin;

use futures_util::stream;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::bundle::{self, File};
use super::parse;
use super::tracking::Tracking;
use crate::v1;

/// The stream of one call.
pub(super) type EvidenceStream =
    Pin<Box<dyn Stream<Item = Result<v1::GetEvidenceResponse, Status>> + Send>>;

/// Greatest part of a file.
const PART: usize = 64 * 1_024;

impl Tracking {
    /// Answers `GetEvidence`.
    pub(super) async fn send_evidence(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<EvidenceStream>, Status> {
        self.bounded(request.get_ref())?;
        let request = request.into_inner();
        parse::language("language", &request.language)?;
        let id = parse::shipment_id("shipment_id", request.shipment_id)?;
        let held = self.pipeline.evidence(&self.caller.tenant, &id).await;
        let held = held.map_err(super::status::Failure::from)?;
        let voice = self.texts.voice(&request.language);
        let files = bundle::files(&held, voice, self.pipeline.now())?;
        Ok(Response::new(Box::pin(stream::iter(
            files.into_iter().flat_map(parts).map(Ok),
        ))))
    }
}

/// Cuts a file into parts: one at least.
fn parts(file: File) -> impl Iterator<Item = v1::GetEvidenceResponse> + Send {
    let File { path, content } = file;
    let count = content.len().div_ceil(PART).max(1);
    (0..count).map(move |at| {
        let end = content.len().min((at + 1) * PART);
        v1::GetEvidenceResponse {
            path: path.clone(),
            content: content[at * PART..end].to_vec(),
        }
    })
}
