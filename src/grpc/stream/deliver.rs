//! What a stream sends of one shipment that has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Status;
use waybill_core::caller::Scope;
use waybill_core::overlay::Overlay;
use waybill_core::revision::new_events;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::press::{Face, Look};
use super::{Halt, Held, Stream, Target, frames};
use crate::grpc::{added, convert, tracking};
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::watch::filter::Seen;
use crate::watch::{News, Topic};

/// What is known of a reader while revisions are judged for it, one after the other.
struct Judged {
    /// Revision that it holds; 0: none.
    held: u32,
    /// What was judged last; `None` if nobody knows.
    last: Option<Seen>,
    /// Revision after which events are new.
    since: u32,
}

impl Stream {
    /// Sends what is new of a shipment.
    pub(super) async fn deliver(&mut self, id: &ShipmentId, news: News) -> Result<(), Halt> {
        let press = Arc::clone(&self.shared.press);
        let Some(look) = press.look(&self.pipeline, &self.tenant, id).await? else {
            // An erasure is told to every tenant: whoever cannot hold it hears nothing of it.
            let is_of_keys = matches!(self.plan.target, Target::Shipments);
            if is_of_keys || !self.sent.is_all || self.sent.held.contains_key(id) {
                self.left(id).await?;
            }
            return Ok(());
        };
        let (record, overlay) = (&look.record, look.overlay.as_deref());
        if record.id != *id {
            return self.superseded(id, &record.id).await;
        }
        let known = self.sent.held.get(id).copied();
        let fits = match &self.plan.target {
            Target::Shipments => true,
            Target::Registered(labels) => has(overlay, labels),
        };
        if !fits {
            let may_hold = known.is_some() || news.overlay && !self.sent.is_all;
            if may_hold {
                self.left(id).await?;
            }
            return Ok(());
        }
        self.listen(id);
        let added = overlay.map_or(0, |one| one.revision);
        let first = news.revisions.map(|(first, _)| first);
        // What the reader holds: as we sent it; nothing, if it holds only what we sent; or else what
        // came before the first change.
        let before = first.map(|first| first.saturating_sub(1));
        let before = before.filter(|_| !self.sent.is_all);
        let held = known.map(|held| held.revision).or(before);
        let seen = known.map(|held| held.seen.revision).or(held);
        if seen.is_some_and(|seen| record.revision <= seen) {
            if known.is_some_and(|held| added <= held.overlay) {
                return Ok(());
            }
            return Ok(self.send_overlay(&look, known).await?);
        }
        let is_of_keys = matches!(self.plan.target, Target::Shipments);
        if seen.is_none() && news.overlay && is_of_keys && !self.sent.is_all {
            return Ok(self.send_overlay(&look, None).await?);
        }
        let mut reader = Judged {
            held: held.unwrap_or(0),
            last: known.map(|held| held.seen),
            since: seen.unwrap_or(0),
        };
        let between = match self.plan.every_revision && reader.since > 0 {
            true => reader.since + 1..record.revision,
            false => 0..0,
        };
        for revision in between {
            let older = self.pipeline.hub().recent(id, revision);
            let older = older
                .filter(|older| self.pipeline.shows_all(&self.tenant, older))
                .ok_or(Halt::Lagged)?;
            let seen = Seen::of(&older);
            self.judge(&older, seen, &look, &mut reader).await?;
        }
        self.judge(record, look.seen, &look, &mut reader).await?;
        let held = Held {
            revision: reader.held,
            seen: look.seen,
            overlay: added,
        };
        let shows_overlay = held.revision == record.revision;
        let overlay_is_new = known.is_some_and(|known| added > known.overlay);
        self.sent.put(id, held);
        if overlay_is_new && !shows_overlay {
            self.send_overlay(&look, Some(held)).await?;
        }
        Ok(())
    }

    /// Sends the shipment that this one turned out to be, and then that this one is gone.
    async fn superseded(&mut self, id: &ShipmentId, other: &ShipmentId) -> Result<(), Halt> {
        // What is put into the mailbox comes after this one, and looks at it again.
        self.mailbox.put(other, News::default());
        if self.sent.held.contains_key(id) {
            self.listen(other);
            return Ok(self.left(id).await?);
        }
        Ok(())
    }

    /// Sends a revision if it passes the filter.
    async fn judge(
        &mut self,
        record: &Arc<Shipment>,
        seen: Seen,
        look: &Look,
        reader: &mut Judged,
    ) -> Result<(), Status> {
        let (last, since) = (reader.last.as_ref(), reader.since);
        if self.plan.filter.passes(last, since, record, &seen) {
            let previous = reader.held;
            let update = || frames::encode(Kind::Update(self.updated(record, look, previous)));
            let update = match Arc::ptr_eq(record, &look.record) {
                true => look.face(
                    &Face {
                        view: self.plan.view,
                        language: Arc::clone(&self.plan.language),
                        personal: self.scopes.has(Scope::Personal),
                        previous,
                    },
                    update,
                ),
                false => update(),
            };
            reader.held = record.revision;
            self.hold(update).await?;
            let lag = self.pipeline.now().duration_since(record.update_time);
            metrics::histogram!("waybill_update_lag_seconds", "leg" => "delivery")
                .record(lag.as_secs_f64().max(0.0));
        }
        reader.last = Some(seen);
        reader.since = record.revision;
        Ok(())
    }

    fn updated(&self, record: &Shipment, look: &Look, previous: u32) -> v1::WatchUpdate {
        let new = new_events(previous, record).rev();
        v1::WatchUpdate {
            change: v1::WatchChange::Updated as i32,
            new_event_ids: new.map(|event| event.id.to_string()).collect(),
            previous_revision: previous,
            conflated_count: match previous {
                0 => 0,
                previous => record.revision.saturating_sub(previous).saturating_sub(1),
            },
            ..self.update(record, look)
        }
    }

    /// Sends what the tenant has added to a record that the reader holds.
    async fn send_overlay(&mut self, look: &Look, known: Option<Held>) -> Result<(), Status> {
        let Some(overlay) = &look.overlay else {
            return Ok(());
        };
        let previous_revision = known.map_or(look.record.revision, |held| held.revision);
        let held = Held {
            revision: previous_revision,
            seen: known.map_or(look.seen, |held| held.seen),
            overlay: overlay.revision,
        };
        self.sent.put(&look.record.id, held);
        let update = v1::WatchUpdate {
            change: v1::WatchChange::Overlay as i32,
            overlay: Some(self.added(&look.record.id, overlay)),
            previous_revision,
            ..Default::default()
        };
        self.hold(frames::encode(Kind::Update(update))).await
    }

    /// Says that a shipment left the subscription.
    async fn left(&mut self, id: &ShipmentId) -> Result<(), Status> {
        let known = self.sent.held.remove(id);
        let update = v1::WatchUpdate {
            shipment: Some(v1::Shipment {
                id: id.0.clone(),
                ..Default::default()
            }),
            change: v1::WatchChange::Removed as i32,
            previous_revision: known.map_or(0, |held| held.revision),
            ..Default::default()
        };
        self.hold(frames::encode(Kind::Update(update))).await
    }

    pub(super) fn follow_shipment(&self, id: &ShipmentId) {
        let topic = Topic::Shipment(id.clone());
        self.pipeline.hub().follow(topic, &self.mailbox);
    }

    /// Listens to a shipment by itself: time alone changes it, and answers under another of its
    /// numbers. A change before this is looked for once more.
    pub(super) fn listen(&self, id: &ShipmentId) {
        if matches!(self.plan.target, Target::Shipments) && !self.sent.held.contains_key(id) {
            self.follow_shipment(id);
            self.mailbox.put(id, News::default());
        }
    }

    fn added(&self, id: &ShipmentId, overlay: &Overlay) -> v1::TenantOverlay {
        tracking::shown_overlay(self.scopes, added::overlay(id, overlay))
    }

    /// A revision of a shipment, and what lies beside it.
    pub(super) fn update(&self, record: &Shipment, look: &Look) -> v1::WatchUpdate {
        let voice = self.texts.voice(&self.plan.language);
        let forecast = self.pipeline.forecast(record);
        let overlay = look.overlay.as_deref();
        v1::WatchUpdate {
            shipment: Some(tracking::shown(
                self.scopes,
                convert::shipment(record, self.plan.view, voice),
            )),
            freshness: Some(tracking::freshness(&look.freshness)),
            overlay: overlay.map(|one| self.added(&record.id, one)),
            forecast: forecast.map(|one| convert::forecast(&record.id, &one, voice)),
            ..Default::default()
        }
    }
}

/// Whether a tenant follows a shipment with these labels.
pub(super) fn has(overlay: Option<&Overlay>, labels: &BTreeMap<String, String>) -> bool {
    let registration = overlay.and_then(|overlay| overlay.registration.as_ref());
    registration.is_some_and(|registration| registration.has(labels))
}
