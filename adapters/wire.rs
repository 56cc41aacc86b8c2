//! How to read what carriers really send: a number where a string belongs, one object where a
//! list belongs, `{}` or `null` for nothing.
//!
//! These are functions for `#[serde(deserialize_with = ...)]`. They look at each value once and
//! buffer nothing; a value of a hopeless type counts as absent, so that one odd field never costs
//! the whole answer.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most members of a list. No shipment has so many events and no answer so many shipments; without
/// a limit a few bytes of JSON become a hundred times as many in memory.
pub(crate) const MOST: usize = 500;

/// Bytes of memory that the members of all lists of an answer may take, beyond twice its length.
/// Members that are written in three bytes and kept in a thousand would else multiply in nested
/// lists, however short each of them is.
const ROOM: usize = 512 << 10;

thread_local! {
    /// What is left of the room for the answer that this thread reads at the moment. It is no
    /// argument because serde has no way to hand one to the functions of fields.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Reads JSON, so that its lists take no more memory than is becoming to its length.
///
/// # Errors
/// As [`object`], and when the lists take too much.
pub(crate) fn from_slice<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    within(json.len(), || serde_json::from_slice(json))
}

/// Reads JSON as [`from_slice`] does.
///
/// # Errors
/// As [`from_slice`].
pub(crate) fn from_str<'a, T: Deserialize<'a>>(json: &'a str) -> serde_json::Result<T> {
    within(json.len(), || serde_json::from_str(json))
}

/// Does `read` with room for the lists of an answer of so many bytes.
pub(crate) fn within<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    let before = LEFT.replace(bytes.saturating_mul(2).saturating_add(ROOM));
    let done = read();
    LEFT.set(before);
    done
}

/// Takes room for so many bytes, and tells whether there was enough.
fn take(bytes: usize) -> bool {
    let left = LEFT.get().checked_sub(bytes);
    LEFT.set(left.unwrap_or_else(|| LEFT.get()));
    left.is_some()
}

/// Gives room back.
fn give_back(bytes: usize) {
    LEFT.set(LEFT.get().saturating_add(bytes));
}

/// Adds a member to a list of at most `most`. While a list grows its old and its new place are
/// both taken.
///
/// # Errors
/// There are too many, or there is no more room.
pub(crate) fn add<T, E: serde::de::Error>(
    items: &mut Vec<T>,
    item: T,
    most: usize,
) -> Result<(), E> {
    let (count, places) = (items.len(), items.capacity());
    if count == most {
        return Err(too_many());
    }
    if count == places {
        let more = count.max(4);
        if !take((count + more).saturating_mul(size_of::<T>())) {
            return Err(too_many());
        }
        items.reserve_exact(more);
        give_back(places * size_of::<T>());
    }
    items.push(item);
    Ok(())
}

/// Gives up the places of a whole list that nobody took.
fn close<T>(items: &mut Vec<T>) {
    let places = items.capacity();
    if items.len() < places && take(items.len() * size_of::<T>()) {
        items.shrink_to_fit();
        give_back(places.saturating_mul(size_of::<T>()));
    }
}

/// The error about a list with more than [`MOST`] members, or with more than there is room for.
fn too_many<E: serde::de::Error>() -> E {
    E::custom("a list has too many members")
}

/// Reads a string, a number or a boolean as text; anything else is empty.
///
/// # Errors
/// Only when the JSON itself is broken.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(v))
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_owned()))
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_string()))
        }
        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_string()))
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_string()))
        }
        fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(if v { "true" } else { "false" }))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(""))
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(""))
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Cow::Borrowed(""))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Cow::Borrowed(""))
        }
    }
    deserializer.deserialize_any(Text)
}

/// Reads an object; anything else is the default.
///
/// # Errors
/// When the JSON is broken, the object's own fields refuse their values, or a list within it is
/// longer than [`MOST`].
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    deserializer
        .deserialize_any(Object(PhantomData))
        .map(Option::unwrap_or_default)
}

/// Reads a list of objects; one object counts as a list of one, a scalar as none. Members that
/// are not objects are left out.
///
/// # Errors
/// As [`object`].
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer
        .deserialize_any(List(MOST, PhantomData))
        .map(|(items, _)| items)
}

/// Reads a list as [`list`] does, however long it is: of one that grows with what an account does.
///
/// # Errors
/// As [`object`].
pub(crate) fn long_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer
        .deserialize_any(List(usize::MAX, PhantomData))
        .map(|(items, _)| items)
}

/// Reads a list as [`list`] does; `None` if it holds nothing but members that are no objects, or
/// is no list: then nobody said that there is nothing.
///
/// # Errors
/// As [`object`].
pub(crate) fn sound_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let (items, odd) = deserializer.deserialize_any(List(MOST, PhantomData))?;
    Ok(Some(items).filter(|items| !(odd && items.is_empty())))
}

/// The objects of a list with so many at most, and whether something else was there.
struct List<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = (Vec<T>, bool);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut items, mut odd) = (Vec::new(), false);
        while let Some(Member(item)) = seq.next_element()? {
            odd |= item.is_none();
            if let Some(item) = item {
                add(&mut items, item, self.0)?;
            }
        }
        close(&mut items);
        Ok((items, odd))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|item| (vec![item], false))
    }
    fn visit_borrowed_str<E>(self, _: &'de str) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok((Vec::new(), true))
    }
}

/// Reads a list of texts; a single text counts as a list of one. Empty ones are left out.
///
/// # Errors
/// Only when the JSON itself is broken.
pub(crate) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Cow<'de, str>>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<Cow<'de, str>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(Word(item)) = seq.next_element()? {
                if !item.is_empty() {
                    add(&mut items, item, MOST)?;
                }
            }
            close(&mut items);
            Ok(items)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Vec::new())
        }
        fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(if v.is_empty() {
                Vec::new()
            } else {
                vec![Cow::Borrowed(v)]
            })
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(if v.is_empty() {
                Vec::new()
            } else {
                vec![Cow::Owned(v.to_owned())]
            })
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(vec![Cow::Owned(v.to_string())])
        }
        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok(vec![Cow::Owned(v.to_string())])
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(vec![Cow::Owned(v.to_string())])
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Texts)
}

struct Word<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Word<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

/// A member of a list: the object, or nothing if it is none.
struct Member<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Object(PhantomData)).map(Self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_borrowed_str<E>(self, _: &'de str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Thing<'a> {
        #[serde(borrow, deserialize_with = "text")]
        id: Cow<'a, str>,
        #[serde(borrow, deserialize_with = "list")]
        parts: Vec<Thing<'a>>,
        #[serde(borrow, deserialize_with = "texts")]
        tags: Vec<Cow<'a, str>>,
        #[serde(borrow, deserialize_with = "boxed")]
        next: Box<Option<Thing<'a>>>,
    }

    fn boxed<'de, D: Deserializer<'de>>(d: D) -> Result<Box<Option<Thing<'de>>>, D::Error> {
        Member::deserialize(d).map(|Member(thing)| Box::new(thing))
    }

    fn read(json: &str) -> Thing<'_> {
        serde_json::from_str(json).expect("tolerated")
    }

    #[test]
    fn a_scalar_of_any_type_is_text() {
        for (json, id) in [
            (r#"{"id":"a"}"#, "a"),
            (r#"{"id":12}"#, "12"),
            (r#"{"id":-1.5}"#, "-1.5"),
            (r#"{"id":true}"#, "true"),
            (r#"{"id":null}"#, ""),
            (r#"{"id":{}}"#, ""),
            (r#"{"id":[{"x":1}]}"#, ""),
            (r#"{"id":"a\u00e9"}"#, "aé"),
        ] {
            assert_eq!(read(json).id, id, "{json}");
        }
    }

    #[test]
    fn one_object_is_a_list_of_one_and_odd_members_are_left_out() {
        for (json, count) in [
            (r#"{"parts":[{"id":1},{"id":2}]}"#, 2),
            (r#"{"parts":{"id":1}}"#, 1),
            (r#"{"parts":null}"#, 0),
            (r#"{"parts":"none"}"#, 0),
            (r#"{"parts":[null,7,"x",[],{"id":1}]}"#, 1),
        ] {
            assert_eq!(read(json).parts.len(), count, "{json}");
        }
        for (json, count) in [
            ("[]", Some(0)),
            (r#"[7,{"id":1}]"#, Some(1)),
            (r#"{"id":1}"#, Some(1)),
            (r#"[7,"x"]"#, None),
            ("7", None),
            ("null", None),
        ] {
            let mut json = serde_json::Deserializer::from_str(json);
            let list: Option<Vec<Thing<'_>>> = sound_list(&mut json).expect("tolerated");
            assert_eq!(list.map(|list| list.len()), count);
        }
        let long = |members: usize| format!(r#"{{"parts":[{}{{}}]}}"#, "{},".repeat(members - 1));
        assert_eq!(read(&long(MOST)).parts.len(), MOST);
        assert!(serde_json::from_str::<Thing<'_>>(&long(MOST + 1)).is_err());
        assert_eq!(read(r#"{"tags":["a",7,null,""]}"#).tags, ["a", "7"]);
        assert_eq!(read(r#"{"tags":"a"}"#).tags, ["a"]);
        assert!(read(r#"{"next":"soon"}"#).next.is_none());
        assert_eq!(
            read(r#"{"next":{"id":3}}"#)
                .next
                .as_ref()
                .as_ref()
                .map(|t| t.id.as_ref()),
            Some("3")
        );
    }
}
