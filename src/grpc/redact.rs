//! Leaves personal data out of answers to those who may not see it, and names what was left out.
//!
//! **Invariant:** every field of an answer whose comment says "Personal data." is here; a test
//! compares this with the comments.

use std::collections::BTreeSet;

use crate::v1;

/// Takes personal data out of messages. Values that are not there are not named.
#[derive(Default)]
struct Redactor {
    /// Path of the message that is looked at, with a dot after it.
    path: String,
    names: BTreeSet<String>,
}

/// Takes it out of a record.
pub(super) fn shipment(shipment: &mut v1::Shipment) {
    let mut all = Redactor::default();
    all.take("tracking_number", &mut shipment.tracking_number);
    if let Some(needs) = &mut shipment.requirements {
        all.inside("requirements", |all| all.requirements(needs));
    }
    all.location("last_location", &mut shipment.last_location);
    all.location("origin", &mut shipment.origin);
    all.location("destination", &mut shipment.destination);
    all.inside("events", |all| {
        shipment.events.iter_mut().for_each(|one| all.event(one));
    });
    all.inside("milestones", |all| {
        let places = shipment.milestones.iter_mut();
        places.for_each(|one| all.location("location", &mut one.location));
    });
    all.inside("identifiers", |all| {
        let numbers = shipment.identifiers.iter_mut();
        numbers.for_each(|one| all.take("value", &mut one.value));
    });
    all.inside("legs", |all| {
        let legs = shipment.legs.iter_mut();
        legs.for_each(|one| all.take("tracking_number", &mut one.tracking_number));
    });
    if let Some(proof) = &mut shipment.proof_of_delivery {
        all.inside("proof_of_delivery", |all| {
            all.take("signed_by", &mut proof.signed_by);
            all.take("document_uris", &mut proof.document_uris);
        });
    }
    all.inside("photos", |all| {
        let photos = shipment.photos.iter_mut();
        photos.for_each(|one| all.take("uri", &mut one.uri));
    });
    shipment.redacted_fields = all.names();
}

/// Takes it out of what a tenant adds.
pub(super) fn overlay(overlay: &mut v1::TenantOverlay) {
    let mut all = Redactor::default();
    if let Some(order) = &mut overlay.order_reference {
        all.inside("order_reference", |all| {
            all.take("order_id", &mut order.order_id);
        });
    }
    all.inside("exceptions", |all| {
        for handling in &mut overlay.exceptions {
            all.take("assignee", &mut handling.assignee);
            all.inside("history", |all| {
                for step in &mut handling.history {
                    all.take("actor", &mut step.actor);
                    all.take("assignee", &mut step.assignee);
                    all.take("comment", &mut step.comment);
                }
            });
        }
    });
    overlay.redacted_fields = all.names();
}

/// Takes it out of a page of events.
pub(super) fn events(page: &mut v1::ListEventsResponse) {
    let mut all = Redactor::default();
    all.inside("events", |all| {
        page.events.iter_mut().for_each(|one| all.event(one));
    });
    page.redacted_fields = all.names();
}

/// A field that can be emptied.
trait Emptied: Default {
    fn is_empty(&self) -> bool;
}

impl Emptied for String {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Emptied for Vec<String> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Redactor {
    fn names(self) -> Vec<String> {
        self.names.into_iter().collect()
    }

    fn take(&mut self, field: &str, value: &mut impl Emptied) {
        if !value.is_empty() {
            *value = Default::default();
            self.names.insert(format!("{}{field}", self.path));
        }
    }

    fn inside(&mut self, field: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(field);
        self.path.push('.');
        work(self);
        self.path.truncate(length);
    }

    fn location(&mut self, field: &str, place: &mut Option<v1::Location>) {
        if let Some(place) = place {
            self.inside(field, |all| {
                all.take("postal_code", &mut place.postal_code);
                all.take("raw", &mut place.raw);
            });
        }
    }

    fn requirements(&mut self, needs: &mut v1::DeliveryRequirements) {
        self.take("instructions", &mut needs.instructions);
        self.location("pickup_place", &mut needs.pickup_place);
    }

    fn event(&mut self, event: &mut v1::TrackingEvent) {
        self.location("location", &mut event.location);
        self.inside("observations", |all| {
            for observation in &mut event.observations {
                all.take("native_text", &mut observation.native_text);
                all.location("location", &mut observation.location);
            }
        });
    }
}
