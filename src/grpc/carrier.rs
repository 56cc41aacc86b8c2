//! `waybill.v1.CarrierService`: what the tables know, without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use waybill_core::code::EVENT_CODES;
use waybill_core::number;
use waybill_core::registry::Registry;
use waybill_core::text::Language;

use super::convert;
use super::parse;
use super::status::Failure;
use crate::pipeline::Pipeline;
use crate::texts::Texts;
use crate::v1;
use crate::v1::carrier_service_server::CarrierService;

/// The service.
#[derive(Clone)]
pub struct Carriers {
    /// With every source that there is, configured or not.
    carriers: Arc<BTreeMap<String, v1::Carrier>>,
    texts: Arc<Texts>,
    pipeline: Pipeline,
}

impl Carriers {
    /// Makes the service from the table of sources and those that are configured. A carrier is
    /// listed if it has a source or a number format.
    pub fn new(registry: Registry, pipeline: Pipeline, texts: Arc<Texts>) -> Self {
        let mut carriers: BTreeMap<String, v1::Carrier> = BTreeMap::new();
        for format in number::formats().filter(|format| !format.carrier.is_empty()) {
            let carrier = carriers
                .entry(format.carrier.clone())
                .or_insert_with(|| v1::Carrier {
                    id: format.carrier.clone(),
                    display_name: format.name.clone(),
                    ..Default::default()
                });
            carrier.number_formats.push(v1::NumberFormat {
                id: format.id.clone(),
                pattern: format.patterns.join("|"),
                check_digit: format.check_digit().to_owned(),
                example: format.example.clone(),
            });
        }
        for source in registry.iter().filter(|source| !source.carrier.is_empty()) {
            let carrier = carriers
                .entry(source.carrier.to_owned())
                .or_insert_with(|| v1::Carrier {
                    id: source.carrier.to_owned(),
                    display_name: source.display_name.to_owned(),
                    ..Default::default()
                });
            carrier.display_name = source.display_name.to_owned();
            carrier.country_code = source.country.to_owned();
            carrier.tracking_url_template = source.tracking_url.to_owned();
            carrier.sources.push(source.id.to_owned());
        }
        Self {
            carriers: Arc::new(carriers),
            texts,
            pipeline,
        }
    }

    /// A carrier with those of its sources that are asked.
    fn shown(&self, carrier: &v1::Carrier) -> v1::Carrier {
        let mut carrier = carrier.clone();
        let asked = self.pipeline.sources();
        let is_asked = |id: &String| asked.iter().any(|source| source.descriptor.id == id);
        carrier.sources.retain(is_asked);
        carrier
    }

    fn list(&self, request: v1::ListCarriersRequest) -> Result<v1::ListCarriersResponse, Failure> {
        let size = match request.page_size {
            0 => 100,
            size => usize::try_from(size).unwrap_or(1_000).min(1_000),
        };
        let country = request.country_code;
        if !country.is_empty()
            && (country.len() != 2 || !country.bytes().all(|c| c.is_ascii_uppercase()))
        {
            return Err(Failure::field(
                "country_code",
                "must be an ISO 3166-1 alpha-2 code in upper case",
            ));
        }
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(self.read_token(token, &country)?),
        };
        let mut rest = self
            .carriers
            .values()
            .filter(|carrier| country.is_empty() || carrier.country_code == country)
            .filter(|carrier| after.as_ref().is_none_or(|after| carrier.id > *after))
            .map(|carrier| self.shown(carrier))
            .peekable();
        let carriers: Vec<v1::Carrier> = rest.by_ref().take(size).collect();
        let next_page_token = match (rest.peek(), carriers.last()) {
            (Some(_), Some(last)) => format!("{country}/{}", last.id),
            _ => String::new(),
        };
        Ok(v1::ListCarriersResponse {
            carriers,
            next_page_token,
        })
    }

    /// A page token is the filter and the last id of the page: valid only with the same filter.
    fn read_token(&self, token: &str, country: &str) -> Result<String, Failure> {
        match token.split_once('/') {
            Some((filter, id)) if filter == country && self.carriers.contains_key(id) => {
                Ok(id.to_owned())
            }
            _ => {
                let mut failure = Failure::field(
                    "page_token",
                    "was not made by this service for this request",
                );
                failure.reason = v1::ErrorReason::TokenInvalid;
                Err(failure)
            }
        }
    }

    fn detect(request: v1::DetectCarriersRequest) -> Result<v1::DetectCarriersResponse, Failure> {
        let number = parse::number("tracking_number", &request.tracking_number)?;
        let hints = parse::hints(request.hints)?;
        let candidates = number::detect(&number, &hints).into_iter().take(10);
        Ok(v1::DetectCarriersResponse {
            normalized_number: number.reveal().to_owned(),
            candidates: candidates
                .map(|candidate| v1::CarrierCandidate {
                    carrier: candidate.carrier,
                    format_id: candidate.format.to_owned(),
                    check_digit_valid: candidate.check_digit_valid,
                    country_code: candidate.country,
                    rank: candidate.rank,
                    reason: candidate.reason,
                })
                .collect(),
        })
    }
}

/// The event-code table as messages, with titles in a language.
pub fn event_codes(language: &Language) -> Vec<v1::EventCodeInfo> {
    let row = |row: &waybill_core::code::EventCodeInfo| v1::EventCodeInfo {
        code: i32::from(row.code.0),
        phase: u32::from(row.code.phase()),
        status: convert::status(row.status),
        milestone: convert::milestone(row.milestone),
        severity: convert::severity(Some(row.severity)),
        upu_codes: row.upu.iter().map(|&code| code.to_owned()).collect(),
        title: language.event(row.code),
    };
    EVENT_CODES.iter().map(row).collect()
}

#[tonic::async_trait]
impl CarrierService for Carriers {
    async fn list_carriers(
        &self,
        request: Request<v1::ListCarriersRequest>,
    ) -> Result<Response<v1::ListCarriersResponse>, Status> {
        Ok(Response::new(self.list(request.into_inner())?))
    }

    async fn get_carrier(
        &self,
        request: Request<v1::GetCarrierRequest>,
    ) -> Result<Response<v1::GetCarrierResponse>, Status> {
        let id = request.into_inner().id;
        parse::carrier("id", &id)?;
        match self.carriers.get(&id) {
            Some(carrier) => Ok(Response::new(v1::GetCarrierResponse {
                carrier: Some(self.shown(carrier)),
            })),
            None => {
                let failure = Failure::new(v1::ErrorReason::IdNotFound, "no carrier has this id");
                Err(failure.with("type", "waybill.v1.Carrier").into())
            }
        }
    }

    async fn detect_carriers(
        &self,
        request: Request<v1::DetectCarriersRequest>,
    ) -> Result<Response<v1::DetectCarriersResponse>, Status> {
        Ok(Response::new(Self::detect(request.into_inner())?))
    }

    async fn list_event_codes(
        &self,
        request: Request<v1::ListEventCodesRequest>,
    ) -> Result<Response<v1::ListEventCodesResponse>, Status> {
        let wanted = request.into_inner().language;
        parse::language("language", &wanted)?;
        let codes = event_codes(self.texts.voice(&wanted).language);
        Ok(Response::new(v1::ListEventCodesResponse { codes }))
    }
}
