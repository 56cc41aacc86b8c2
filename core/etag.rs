//! The hash of what a client can see of a record.
//!
//! Every struct is taken apart field by field, so that a new field cannot be forgotten. Left out
//! are revisions, receive and ingest times, and what is only a consequence of them.

use sha2::{Digest as _, Sha256};

use crate::event::{Claim, Digest, Event, Observation};
use crate::exception::Exception;
use crate::lane::Silence;
use crate::leg::Leg;
use crate::place::{Facility, Location};
use crate::shipment::{
    Contact, Estimate, Finding, Identifier, KnownNumber, LocalWindow, MilestoneProgress, Money,
    NextStep, Photo, Physical, Progress, Proof, Requirements, Shipment,
};
use crate::time::EventTime;

/// Digest of the visible content, 26 characters `0-9a-v`.
pub(crate) fn etag(record: &Shipment) -> String {
    let mut form = Form(Vec::with_capacity(16 * 1024));
    shipment(&mut form, record);
    Digest(Sha256::digest(&form.0).into()).to_string()
}

/// The visible content of an event, to be compared with that of another.
pub(crate) fn event_form(event: &Event) -> Vec<u8> {
    let mut form = Form(Vec::with_capacity(1024));
    self::event(&mut form, event);
    form.0
}

/// Bytes in which no two values look alike: texts and lists bear their length, options a mark.
struct Form(Vec<u8>);

impl Form {
    fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    fn number(&mut self, value: impl Into<i64>) {
        let value: i64 = value.into();
        // Small ones of either sign are short.
        self.short(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn length(&mut self, value: usize) {
        self.short(value as u64);
    }

    /// Seven bits to a byte, since most of what is hashed are small numbers; a mark on all but the
    /// last says where it ends.
    fn short(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn text(&mut self, value: &str) {
        self.length(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    fn digest(&mut self, value: &Digest) {
        self.0.extend_from_slice(&value.0);
    }

    fn time(&mut self, value: jiff::Timestamp) {
        self.number(value.as_second());
        self.number(value.subsec_nanosecond());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.length(values.len());
        for value in values {
            write(self, value);
        }
    }
}

fn shipment(form: &mut Form, record: &Shipment) {
    let Shipment {
        id,
        number,
        carrier,
        status,
        code,
        reason,
        status_event,
        source_count,
        revision: _,
        etag: _,
        update_time: _,
        tracking,
        attention,
        progress,
        next_step,
        silence,
        contacts,
        requirements,
        last_event_time,
        last_location,
        estimates,
        events,
        exceptions,
        milestones,
        identifiers,
        legs,
        service,
        origin,
        destination,
        pieces,
        superseded,
        physical,
        proof,
        photos,
        findings,
    } = record;
    form.text(&id.0);
    form.text(number.reveal());
    form.text(carrier);
    form.byte(*status as u8);
    form.option(code.as_ref(), |form, code| form.number(code.0));
    form.option(reason.as_ref(), |form, reason| form.number(reason.0));
    form.option(status_event.as_ref(), Form::digest);
    form.number(*source_count);
    form.byte(*tracking as u8);
    form.option(*attention, |form, severity| form.byte(severity as u8));
    form.option(progress.as_ref(), |form, Progress { step, of }| {
        form.number(*step);
        form.number(*of);
    });
    form.option(
        next_step.as_ref(),
        |form, NextStep { milestone, window }| {
            form.byte(*milestone as u8);
            form.option(window.as_ref(), self::window);
        },
    );
    form.option(silence.as_ref(), |form, Silence { until, reason }| {
        form.time(*until);
        form.byte(*reason as u8);
    });
    form.list(contacts, |form, Contact { action, url, phone }| {
        form.byte(*action as u8);
        form.text(url);
        form.text(phone);
    });
    form.option(requirements.as_ref(), self::requirements);
    form.option(last_event_time.as_ref(), event_time);
    form.option(last_location.as_ref(), location);
    form.list(estimates, estimate);
    form.list(events, event);
    form.list(exceptions, exception);
    form.list(milestones, milestone);
    form.list(identifiers, identifier);
    form.list(legs, leg);
    form.text(service);
    form.option(origin.as_ref(), location);
    form.option(destination.as_ref(), location);
    form.list(pieces, |form, piece| form.text(&piece.0));
    // Of most records it is empty, and so their etags are what they were before there was any.
    if !superseded.is_empty() {
        form.list(superseded, |form, id| form.text(&id.0));
    }
    self::physical(form, physical);
    form.option(proof.as_ref(), |form, proof| {
        let Proof {
            signed_by,
            documents,
        } = proof;
        form.text(signed_by.reveal());
        form.list(documents, |form, document| form.text(document.reveal()));
    });
    form.list(photos, |form, Photo { event, uri }| {
        form.digest(event);
        form.text(uri.reveal());
    });
    form.list(findings, finding);
}

fn event(form: &mut Form, event: &Event) {
    let Event {
        id,
        code,
        status,
        reason,
        severity,
        carrier,
        classifier,
        standing,
        source_count,
        said,
        also,
        time_of,
        place_of,
        superseded,
        ingest_time: _,
        revision: _,
        added: _,
        attempt,
    } = event;
    form.digest(id);
    form.number(code.0);
    form.option(*status, |form, status| form.byte(status as u8));
    form.option(reason.as_ref(), |form, reason| form.number(reason.0));
    form.byte(*severity as u8);
    form.text(carrier);
    form.byte(*classifier as u8);
    form.byte(*standing as u8);
    form.number(*source_count);
    observation(form, said);
    form.list(also, |form, one| observation(form, one));
    form.length(*time_of);
    form.length(*place_of);
    form.list(superseded, Form::digest);
    form.number(*attempt);
}

fn observation(form: &mut Form, observation: &Observation) {
    let Observation {
        id,
        source,
        class,
        evidence_root,
        language,
        // A list that is cut at its old end shifts every position and tells nothing new.
        sequence: _,
        receive_time: _,
        last_listed: _,
        claim,
    } = observation;
    form.digest(id);
    form.text(source);
    form.byte(*class as u8);
    form.text(evidence_root);
    form.text(language);
    let Claim {
        native_id,
        native_code,
        native_reason,
        native_text,
        code,
        reason,
        basis,
        time,
        location,
        carrier,
        classifier,
        retracted,
        doubt,
    } = claim.as_ref();
    form.text(native_id);
    form.text(native_code);
    form.text(native_reason);
    form.text(native_text.reveal());
    form.number(code.0);
    form.option(reason.as_ref(), |form, reason| form.number(reason.0));
    form.byte(*basis as u8);
    event_time(form, time);
    form.option(location.as_ref(), self::location);
    form.text(carrier);
    form.byte(*classifier as u8);
    form.byte(u8::from(*retracted));
    form.option(doubt.as_deref(), Form::text);
}

fn event_time(form: &mut Form, time: &EventTime) {
    let EventTime {
        instant,
        local,
        offset,
        zone,
        precision,
        basis,
        earliest,
        latest,
        raw,
    } = time;
    form.option(*instant, Form::time);
    // A clock that is known has no other bounds than its instant.
    let is_bounded = [Some(*earliest), Some(*latest)] != [*instant; 2];
    form.byte(u8::from(is_bounded));
    form.number(local.year());
    for part in [
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second(),
    ] {
        form.byte(part.unsigned_abs());
    }
    form.number(local.subsec_nanosecond());
    form.option(*offset, Form::number);
    form.text(zone);
    form.byte(*precision as u8);
    form.byte(*basis as u8);
    if is_bounded {
        form.time(*earliest);
        form.time(*latest);
    }
    form.text(raw);
}

/// What is known of a place beyond this follows from it, see [`crate::gazetteer`].
fn location(form: &mut Form, location: &Location) {
    let Location {
        country,
        subdivision,
        locality,
        postal_code,
        facility,
        time_zone,
        raw,
    } = location;
    form.text(country);
    form.text(subdivision);
    form.text(locality);
    form.text(postal_code.reveal());
    form.option(facility.as_ref(), |form, facility| {
        let Facility {
            code,
            system,
            name,
            kind,
        } = facility;
        form.text(code);
        form.byte(*system as u8);
        form.text(name);
        form.byte(*kind as u8);
    });
    form.text(time_zone);
    form.text(raw.reveal());
}

fn window(form: &mut Form, LocalWindow { start, end }: &LocalWindow) {
    form.option(start.as_ref(), event_time);
    form.option(end.as_ref(), event_time);
}

fn estimate(form: &mut Form, estimate: &Estimate) {
    let Estimate {
        kind,
        source,
        window,
        receive_time: _,
    } = estimate;
    form.byte(*kind as u8);
    form.text(source);
    self::window(form, window);
}

fn exception(form: &mut Form, exception: &Exception) {
    let Exception {
        id,
        category,
        reason,
        severity,
        owner,
        next_action,
        alternatives,
        // It follows from the cause; where that is a forecast, it is a receive time.
        open_time: _,
        due_time,
        close_time,
        derived,
        event_ids,
    } = exception;
    form.digest(id);
    form.byte(*category as u8);
    form.option(reason.as_ref(), |form, reason| form.number(reason.0));
    form.byte(*severity as u8);
    form.byte(*owner as u8);
    form.byte(*next_action as u8);
    form.list(alternatives, |form, action| form.byte(*action as u8));
    form.option(*due_time, Form::time);
    form.option(*close_time, Form::time);
    form.byte(u8::from(*derived));
    form.list(event_ids, Form::digest);
}

fn milestone(form: &mut Form, milestone: &MilestoneProgress) {
    let MilestoneProgress {
        milestone,
        time,
        location,
        event,
        inferred,
    } = milestone;
    form.byte(*milestone as u8);
    form.option(time.as_ref(), event_time);
    form.option(location.as_ref(), self::location);
    form.option(event.as_ref(), Form::digest);
    form.byte(u8::from(*inferred));
}

fn identifier(form: &mut Form, known: &KnownNumber) {
    let KnownNumber {
        identifier,
        source,
        basis,
    } = known;
    let Identifier {
        kind,
        value,
        carrier,
        check_digit_valid,
    } = identifier;
    form.text(source);
    form.byte(*basis as u8);
    form.byte(*kind as u8);
    form.text(value.reveal());
    form.text(carrier);
    form.option(*check_digit_valid, |form, valid| {
        form.byte(u8::from(valid));
    });
}

fn leg(form: &mut Form, leg: &Leg) {
    let Leg {
        carrier,
        role,
        number,
        service,
        start,
        end,
    } = leg;
    form.text(carrier);
    form.byte(*role as u8);
    form.option(number.as_ref(), |form, number| form.text(number.reveal()));
    form.text(service);
    form.option(*start, Form::time);
    form.option(*end, Form::time);
}

fn requirements(form: &mut Form, requirements: &Requirements) {
    let Requirements {
        signature,
        identity_check,
        payment_due,
        instructions,
        pickup_place,
        opening_hours,
        collect_by,
    } = requirements;
    for flag in [signature, identity_check] {
        form.option(*flag, |form, flag| form.byte(u8::from(flag)));
    }
    form.option(payment_due.as_ref(), |form, Money { currency, amount }| {
        form.text(currency);
        form.text(amount);
    });
    form.text(instructions.reveal());
    form.option(pickup_place.as_ref(), location);
    form.text(opening_hours);
    form.text(collect_by);
}

fn physical(form: &mut Form, physical: &Physical) {
    let Physical {
        weight_grams,
        length_mm,
        width_mm,
        height_mm,
        piece_count,
    } = physical;
    for value in [weight_grams, length_mm, width_mm, height_mm, piece_count] {
        form.option(*value, Form::number);
    }
}

fn finding(form: &mut Form, finding: &Finding) {
    let Finding {
        kind,
        event_ids,
        sources,
        detail,
    } = finding;
    form.byte(*kind as u8);
    form.list(event_ids, Form::digest);
    form.list(sources, |form, source| form.text(source));
    form.text(detail);
}
