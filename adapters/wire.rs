//! How to read what carriers really send: a number where a string belongs, one object where a
//! list belongs, `{}` or `null` for nothing.
//!
//! These are functions for `#[serde(deserialize_with = ...)]`. They look at each value once and
//! buffer nothing; a value of a hopeless type counts as absent, so that one odd field never costs
//! the whole answer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most members of a list. No shipment has so many events and no answer so many shipments; without
/// a limit a few bytes of JSON become a hundred times as many in memory.
pub(crate) const MOST: usize = 500;

/// The error about a list with more than [`MOST`] members.
pub(crate) fn too_many<E: serde::de::Error>() -> E {
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
            items.extend(item);
            if items.len() > self.0 {
                return Err(too_many());
            }
        }
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
                    items.push(item);
                }
                if items.len() > MOST {
                    return Err(too_many());
                }
            }
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
