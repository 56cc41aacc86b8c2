//! Texts for people about a record: what has happened, whether it is a problem, who acts, and what
//! the reader can do, by when.
//!
//! The sentences are Fluent messages in `core/text/<language>/*.ftl`; an operator can put others in
//! their place and add languages. Everything here is a function of a record, an audience and a
//! language. No text has a name, a street, a telephone number or a tracking number in it, and none
//! tells an instant whose zone is unknown.

mod catalogue;
mod message;
mod sentences;
mod tag;

pub use catalogue::{Catalogue, File, Language};

/// Who reads a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Who gets the parcel.
    Recipient,
    /// Who sent it.
    Shipper,
}

impl Audience {
    /// Everybody.
    pub const ALL: [Self; 2] = [Self::Recipient, Self::Shipper];

    /// As the messages call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Shipper => "shipper",
        }
    }
}

/// A text in one language, plain and without markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// BCP 47 tag of the language.
    pub language: String,
    /// One line.
    pub title: String,
    /// What has happened and what it means.
    pub body: String,
    /// What the reader should do, or what happens next; empty if nothing.
    pub next_step: String,
    /// What has happened in at most 120 characters, to be read aloud: no digits in it.
    pub short_form: String,
}

#[cfg(test)]
mod tests;
