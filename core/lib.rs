//! What a shipment is, and what makes a record of it trustworthy.
//!
//! Everything here is a pure function over values: nothing does I/O, reads a clock or the
//! environment, or can time out.
//!
//! # Glossary
//! - **carrier**: who moves the parcel; **source**: something that can be asked about it.
//! - **claim**: one row of a source's answer; **observation**: a claim with an identity;
//!   **event**: what we believe happened, with the observations behind it.
//! - **report**: what one source says about one shipment; **facts**: its part that is not events.
//! - **dossier**: everything kept about a shipment; **shipment** or **record**: its fold.
//! - **query**: one question to a source; **answer**: reports, or an error with advice.
//! - **order**: what a shop or platform calls what it sold; **subject**: a number or an order.

pub mod adapter;
mod again;
mod anchor;
pub mod assess;
pub mod caller;
mod cluster;
pub mod code;
mod entry;
pub mod error;
mod etag;
pub mod event;
pub mod exception;
pub mod explain;
mod facts;
mod fold;
pub mod forecast;
pub mod gazetteer;
mod handover;
pub mod internal;
pub mod kpi;
pub mod lane;
pub mod leg;
mod listing;
mod milestone;
pub mod nearing;
pub mod number;
mod onward;
pub mod order;
mod origins;
pub mod overlay;
mod overtaken;
pub mod owner;
pub mod place;
pub mod poll;
pub mod privacy;
pub mod projection;
mod quick;
pub mod reconcile;
pub mod registry;
pub mod revision;
mod route;
mod rule;
mod same_code;
mod same_place;
pub mod shipment;
pub mod status;
mod suspicion;
pub mod text;
pub mod time;
mod timeline;
mod travel;
pub mod union;
mod verify;
mod zone;
