//! What a stream sends of one shipment that has changed.

use std::sync::Arc;

use waybill_core::overlay::Overlay;
use waybill_core::revision::new_events;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::{Gone, Halt, Held, Stream, Target, has};
use crate::grpc::{added, convert, tracking};
use crate::pipeline::{Freshness, Miss};
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::watch::filter::Seen;
use crate::watch::{News, Topic};

impl Stream {
    /// Sends what is new of a shipment.
    pub(super) async fn deliver(&mut self, id: &ShipmentId, news: News) -> Result<(), Halt> {
        let Some((record, freshness, overlay)) = self.look_at(id).await? else {
            return self.left(id).await;
        };
        let known = self.sent.held.get(id).copied();
        let fits = match &self.plan.target {
            Target::Shipments => true,
            Target::Registered(labels) => has(overlay.as_deref(), labels),
        };
        if !fits {
            let may_hold = known.is_some() || news.overlay && !self.sent.is_all;
            return match may_hold {
                true => self.left(id).await,
                false => Ok(()),
            };
        }
        self.listen(id);
        let added = overlay.as_ref().map_or(0, |one| one.revision);
        let first = news.revisions.map(|(first, _)| first);
        // What the reader holds: as we sent it, or else what came before the first change.
        let held = known
            .map(|held| held.revision)
            .or(first.map(|first| first.saturating_sub(1)));
        let seen = known.map(|held| held.seen.revision).or(held);
        if seen.is_some_and(|seen| record.revision <= seen) {
            if known.is_some_and(|held| added <= held.overlay) {
                return Ok(());
            }
            return self.send_overlay(&record, known, overlay).await;
        }
        if seen.is_none() && news.overlay && matches!(self.plan.target, Target::Shipments) {
            return self.send_overlay(&record, None, overlay).await;
        }
        let mut held = Held {
            revision: held.unwrap_or(0),
            seen: known.map_or_else(|| Seen::of(&record), |held| held.seen),
            overlay: added,
        };
        let mut before = known.map(|held| held.seen);
        let mut since = seen.unwrap_or(0);
        let between = match self.plan.every_revision && since > 0 {
            true => since + 1..record.revision,
            false => 0..0,
        };
        for revision in between {
            let older = self
                .pipeline
                .hub()
                .recent(id, revision)
                .filter(|older| self.pipeline.shows_all(&self.tenant, older))
                .ok_or(Halt::Lagged)?;
            self.judge(
                &older,
                freshness,
                overlay.as_deref(),
                &mut held,
                &mut before,
                &mut since,
            )
            .await?;
        }
        self.judge(
            &record,
            freshness,
            overlay.as_deref(),
            &mut held,
            &mut before,
            &mut since,
        )
        .await?;
        let shows_overlay = held.revision == record.revision;
        let overlay_is_new = known.is_some_and(|known| added > known.overlay);
        self.sent.put(id, held);
        if overlay_is_new && !shows_overlay {
            return self.send_overlay(&record, Some(held), overlay).await;
        }
        Ok(())
    }

    /// Sends a revision if it passes the filter.
    pub(super) async fn judge(
        &mut self,
        record: &Arc<Shipment>,
        freshness: Freshness,
        overlay: Option<&Overlay>,
        held: &mut Held,
        before: &mut Option<Seen>,
        since: &mut u32,
    ) -> Result<(), Gone> {
        let passes = self.plan.filter.passes(before.as_ref(), *since, record);
        if passes {
            let previous = held.revision;
            let new = new_events(previous, record).rev();
            let update = v1::WatchUpdate {
                change: v1::WatchChange::Updated as i32,
                new_event_ids: new.map(|event| event.id.to_string()).collect(),
                previous_revision: previous,
                conflated_count: match previous {
                    0 => 0,
                    previous => record.revision.saturating_sub(previous).saturating_sub(1),
                },
                ..self.update(record, freshness, overlay)
            };
            held.revision = record.revision;
            self.hold(Kind::Update(update)).await?;
        }
        held.seen = Seen::of(record);
        *before = Some(held.seen);
        *since = record.revision;
        Ok(())
    }

    /// Sends what the tenant has added to a record that the reader holds.
    pub(super) async fn send_overlay(
        &mut self,
        record: &Arc<Shipment>,
        known: Option<Held>,
        overlay: Option<Arc<Overlay>>,
    ) -> Result<(), Halt> {
        let Some(overlay) = overlay else {
            return Ok(());
        };
        let previous_revision = known.map_or(record.revision, |held| held.revision);
        let held = Held {
            revision: previous_revision,
            seen: known.map_or_else(|| Seen::of(record), |held| held.seen),
            overlay: overlay.revision,
        };
        self.sent.put(&record.id, held);
        let update = v1::WatchUpdate {
            change: v1::WatchChange::Overlay as i32,
            overlay: Some(self.added(&record.id, &overlay)),
            previous_revision,
            ..Default::default()
        };
        Ok(self.hold(Kind::Update(update)).await?)
    }

    /// Says that a shipment left the subscription.
    pub(super) async fn left(&mut self, id: &ShipmentId) -> Result<(), Halt> {
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
        Ok(self.hold(Kind::Update(update)).await?)
    }

    /// A record as of now, its age, and what the tenant adds; `None` if there is none.
    pub(super) async fn look_at(
        &self,
        id: &ShipmentId,
    ) -> Result<Option<(Arc<Shipment>, Freshness, Option<Arc<Overlay>>)>, Miss> {
        let (record, freshness) = match self.pipeline.held(&self.tenant, id).await {
            Ok(held) => held,
            Err(Miss::UnknownId) => return Ok(None),
            Err(miss) => return Err(miss),
        };
        let overlay = self.pipeline.overlay(&self.tenant, &record).await?;
        Ok(Some((record, freshness, overlay)))
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

    pub(super) fn update(
        &self,
        record: &Shipment,
        freshness: Freshness,
        overlay: Option<&Overlay>,
    ) -> v1::WatchUpdate {
        let voice = self.texts.voice(&self.plan.language);
        let forecast = self.pipeline.forecast(record);
        v1::WatchUpdate {
            shipment: Some(tracking::shown(
                self.scopes,
                convert::shipment(record, self.plan.view, voice),
            )),
            freshness: Some(tracking::freshness(&freshness)),
            overlay: overlay.map(|one| self.added(&record.id, one)),
            forecast: forecast.map(|one| convert::forecast(&record.id, &one, voice)),
            ..Default::default()
        }
    }
}
