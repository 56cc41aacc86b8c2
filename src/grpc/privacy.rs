//! `waybill.admin.v1.PrivacyService`: erasing, exporting, and copies of the data directory.

use std::path::Path;

use serde_json::{Value, json};
use tonic::{Request, Response, Status};
use waybill_core::shipment::ShipmentId;

use super::admin::Admin;
use super::convert;
use super::follow;
use super::status::Failure;
use crate::admin::v1 as admin;
use crate::admin::v1::privacy_service_server::PrivacyService;
use crate::auth::Principal;
use crate::backup::Backups;
use crate::pipeline::{Miss, Pipeline, Receipt};
use crate::v1::ErrorReason;

/// Shipments of a tenant that are looked at in one step.
const PAGE: usize = 500;

/// The service.
#[derive(Clone)]
pub struct Privacy {
    pipeline: Pipeline,
    admin: Admin,
    backups: Option<Backups>,
}

impl Privacy {
    /// Of a server. `admin` finds shipments by their keys; `backups` copies the data directory.
    pub fn new(pipeline: Pipeline, admin: Admin, backups: Option<Backups>) -> Self {
        Self {
            pipeline,
            admin,
            backups,
        }
    }

    /// Writes into the audit log before anything is done.
    fn audited(&self, who: &str, what: &str, about: &[(&str, &str)]) -> Result<(), Failure> {
        let audit = self.pipeline.audit();
        let written = audit.append(self.pipeline.now(), who, what, about);
        written
            .map(|_| ())
            .map_err(|error| Failure::internal(format!("audit log: {error}")))
    }

    /// Shipments that a tenant has registered with some labels.
    async fn labelled(
        &self,
        tenant: &str,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> Result<Vec<ShipmentId>, Failure> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.pipeline.registered(tenant, after, PAGE).await?;
            for place in &page {
                let overlay = self.pipeline.overlay_of(tenant, &place.id).await?;
                let registration = overlay.as_ref().and_then(|one| one.registration.as_ref());
                let has = |(name, value)| {
                    registration.is_some_and(|one| one.labels.get(name) == Some(value))
                };
                if labels.iter().all(has) {
                    found.push(place.id.clone());
                }
            }
            if page.len() < PAGE {
                return Ok(found);
            }
            after = page.last().cloned();
        }
    }

    async fn export(&self, ids: &[ShipmentId]) -> Result<Vec<u8>, Failure> {
        let mut shipments = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(held) = self.pipeline.everything(id).await? {
                let tenants = held.overlays.iter();
                let tenants = tenants.map(|(tenant, of)| json!({"tenant": tenant, "added": **of}));
                let answers = held.said.kept.iter().map(|kept| {
                    json!({
                        "source": kept.source,
                        "first_received": kept.first,
                        "last_received": kept.last,
                        "body": String::from_utf8_lossy(&kept.body),
                    })
                });
                shipments.push(json!({
                    "id": id.0,
                    "record": *held.stored.record,
                    "dossier": held.stored.dossier,
                    "tenants": tenants.collect::<Vec<Value>>(),
                    "answers": answers.collect::<Vec<Value>>(),
                }));
            }
        }
        let export = json!({"export_time": self.pipeline.now(), "shipments": shipments});
        serde_json::to_vec_pretty(&export).map_err(|_| Failure::internal("JSON failed"))
    }
}

fn receipt(receipt: &Receipt) -> admin::ErasureReceipt {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let shipments = receipt.shipments.iter().map(|gone| admin::ErasedShipment {
        id: gone.id.0.clone(),
        held: gone.was_held,
        number_count: count(gone.numbers),
        tenant_count: count(gone.tenants),
        answer_count: count(gone.answers),
        audit_sequence: gone.audit,
    });
    admin::ErasureReceipt {
        id: receipt.id.clone(),
        erase_time: Some(convert::timestamp(receipt.time)),
        shipments: shipments.collect(),
    }
}

#[tonic::async_trait]
impl PrivacyService for Privacy {
    async fn erase_shipment(
        &self,
        request: Request<admin::EraseShipmentRequest>,
    ) -> Result<Response<admin::EraseShipmentResponse>, Status> {
        let who = Principal::of(request.extensions())?.caller.tenant.clone();
        let key = request.into_inner().shipment;
        let ids = self.admin.ids(&who, key).await?;
        let erased = self.pipeline.erase(&who, &ids, true).await;
        let erased = erased.map_err(Failure::from)?;
        Ok(Response::new(admin::EraseShipmentResponse {
            receipt: Some(receipt(&erased)),
        }))
    }

    async fn erase_recipient(
        &self,
        request: Request<admin::EraseRecipientRequest>,
    ) -> Result<Response<admin::EraseRecipientResponse>, Status> {
        let who = Principal::of(request.extensions())?.caller.tenant.clone();
        let request = request.into_inner();
        let tenant = match request.tenant.as_str() {
            "" => &who,
            tenant => tenant,
        };
        let labels = follow::labels("labels", request.labels)?;
        if labels.is_empty() {
            return Err(Failure::field("labels", "is required").into());
        }
        let ids = self.labelled(tenant, &labels).await?;
        let erased = self.pipeline.erase(&who, &ids, true).await;
        let erased = erased.map_err(Failure::from)?;
        Ok(Response::new(admin::EraseRecipientResponse {
            receipt: Some(receipt(&erased)),
        }))
    }

    async fn export_shipment(
        &self,
        request: Request<admin::ExportShipmentRequest>,
    ) -> Result<Response<admin::ExportShipmentResponse>, Status> {
        let who = Principal::of(request.extensions())?.caller.tenant.clone();
        let ids = self.admin.ids(&who, request.into_inner().shipment).await?;
        for id in &ids {
            self.audited(&who, "shipment_exported", &[("shipment", &id.0)])?;
        }
        let json = self.export(&ids).await?;
        let nothing: Result<_, Failure> = Err(Miss::UnknownId.into());
        if ids.is_empty() {
            return Ok(nothing?);
        }
        Ok(Response::new(admin::ExportShipmentResponse { json }))
    }

    async fn create_backup(
        &self,
        request: Request<admin::CreateBackupRequest>,
    ) -> Result<Response<admin::CreateBackupResponse>, Status> {
        let who = Principal::of(request.extensions())?.caller.tenant.clone();
        let folder = request.into_inner().folder;
        let folder = Path::new(&folder);
        if !folder.is_absolute() {
            return Err(Failure::field("folder", "must be an absolute path").into());
        }
        let Some(backups) = &self.backups else {
            let message = "the server has no data directory; back up its Redis instead";
            return Err(Failure::new(ErrorReason::Unsupported, message).into());
        };
        self.audited(&who, "backup_created", &[])?;
        let made = backups.create(folder, self.pipeline.now()).await;
        let made = made.map_err(Failure::internal)?;
        Ok(Response::new(admin::CreateBackupResponse {
            create_time: Some(convert::timestamp(made.create_time)),
            bytes: made.files.values().map(|file| file.bytes).sum(),
        }))
    }
}
