//! Reading: by scripts where it has to be known as of which place in the log, by plain commands
//! elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::super::{Change, Head, Place, StoreError, Stored, What, codec};
use super::near::As;
use super::script::Answer;
use super::{DIGITS, Inner, PARTITIONS, new_epoch, partition_of, sortable, sorted};

/// Most entries of one page of the log.
const PAGE: usize = 10_000;

/// What a script says about a log: fields of an entry by name.
type Entry = (String, BTreeMap<String, String>);

/// A sealed value, and the wrapped key that it was sealed with.
type Field = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Inner {
    /// Epoch, end and some entries of a partition's log after a place.
    pub(super) async fn read(
        &self,
        partition: u16,
        after: u64,
        limit: usize,
    ) -> Result<(u64, u64, Vec<Change>), StoreError> {
        let from = after.checked_add(1);
        let limit = if from.is_none() { 0 } else { limit.min(PAGE) };
        let (from, limit) = (from.unwrap_or(after).to_string(), limit.to_string());
        let arguments = [&*new_epoch(), from.as_bytes(), limit.as_bytes()];
        let names = self.log_names(partition);
        let script = &self.scripts.read;
        let answer: Answer<Vec<Entry>> = self.run("changes", script, &names, &arguments).await?;
        let changes = answer
            .of
            .into_iter()
            .map(|(id, fields)| change(&id, fields));
        let changes: Option<Vec<_>> = changes.collect();
        let changes = changes.ok_or_else(|| StoreError::new("the log is damaged"))?;
        Ok((answer.epoch, answer.sequence, changes))
    }

    /// One field of a key, and where in the log that is.
    async fn field(
        &self,
        partition: u16,
        [key, sealing]: [String; 2],
        field: &[u8],
    ) -> Result<(As, Field), StoreError> {
        let [head, log] = self.log_names(partition);
        let (names, epoch) = ([head, log, key, sealing], new_epoch());
        let arguments = [&*epoch, field];
        let script = &self.scripts.load;
        let answer: Answer<Field> = self.run("load", script, &names, &arguments).await?;
        let at = As {
            partition,
            epoch: answer.epoch,
            sequence: answer.sequence,
        };
        if self.near.part(partition).epoch != at.epoch {
            self.heard.put(partition);
        }
        Ok((at, answer.of))
    }

    pub(super) async fn load(&self, id: &ShipmentId) -> Result<Option<Arc<Stored>>, StoreError> {
        let partition = partition_of(id);
        let [_, _, _, name, ..] = self.commit_names(partition, id);
        let names = [name, self.key_name(id)];
        let (at, (value, wrapped)) = self.field(partition, names, b"value").await?;
        let Some(value) = value else {
            return Ok(None);
        };
        let own = self.unwrap(id, wrapped.as_deref()).map(|own| own.key);
        let stored = codec::open_shipment(&self.keys, own.as_ref(), id, &value).map(Arc::new);
        if let Some(stored) = &stored {
            self.near.keep_shipment(at, stored, value.len());
        }
        Ok(stored)
    }

    pub(super) async fn load_overlay(
        &self,
        key: (ShipmentId, String),
    ) -> Result<Option<Arc<Overlay>>, StoreError> {
        let partition = partition_of(&key.0);
        let [_, _, _, _, name, ..] = self.commit_names(partition, &key.0);
        let names = [name, self.key_name(&key.0)];
        let field = format!("o{}", key.1);
        let (at, (value, wrapped)) = self.field(partition, names, field.as_bytes()).await?;
        let own = self.unwrap(&key.0, wrapped.as_deref()).map(|own| own.key);
        let open =
            |value: Vec<u8>| codec::open_overlay(&self.keys, own.as_ref(), &key.0, &key.1, &value);
        let overlay = value.and_then(open);
        let overlay = overlay.map(Arc::new);
        self.near.keep_overlay(at, key, overlay.clone());
        Ok(overlay)
    }

    pub(super) async fn find(&self, subject: [u8; 32]) -> Result<Vec<ShipmentId>, StoreError> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(self.subject_name(&subject));
        let mut ids: Vec<String> = self.ask("find", &members).await?;
        ids.sort_unstable();
        let field = [b"a".as_slice(), &subject].concat();
        let checking = ids.into_iter().map(async |id| {
            let id = ShipmentId(id);
            let [_, _, _, name, ..] = self.commit_names(partition_of(&id), &id);
            let mut exists = redis::cmd("HEXISTS");
            exists.arg(name).arg(field.as_slice());
            let leads: bool = self.ask("find", &exists).await?;
            Ok::<_, StoreError>(leads.then_some(id))
        });
        Ok(try_join_all(checking)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Asks every partition for its share of a page and merges them; those that had more, and whose
    /// last is before the end of the page, are asked again.
    pub(super) async fn registered(
        &self,
        tenant: &str,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let share = limit / 32 + 4;
        let mut found: Vec<Place> = Vec::new();
        let mut open: Vec<(u16, Option<Place>)> =
            (0..PARTITIONS).map(|one| (one, after.clone())).collect();
        while !open.is_empty() {
            let asking = std::mem::take(&mut open).into_iter();
            let asking = asking.map(async |(partition, after)| {
                let places = self.follows(partition, tenant, after.as_ref(), share);
                Ok::<_, StoreError>((partition, places.await?))
            });
            for (partition, places) in try_join_all(asking).await? {
                if places.len() == share {
                    open.push((partition, places.last().cloned()));
                }
                found.extend(places);
            }
            found.sort_unstable();
            found.truncate(limit);
            if let Some(end) = found.get(limit.saturating_sub(1)) {
                open.retain(|(_, last)| last.as_ref().is_some_and(|last| last < end));
            }
        }
        Ok(found)
    }

    /// What a tenant follows in a partition.
    async fn follows(
        &self,
        partition: u16,
        tenant: &str,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let min = match after {
            None => format!("[{tenant}\0"),
            Some(place) => {
                let (updated, id) = (sortable(place.updated), &place.id.0);
                format!("({tenant}\0{updated}{id}")
            }
        };
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(self.name(partition, "f"));
        range.arg(min).arg(format!("({tenant}\x01"));
        range.arg("LIMIT").arg(0).arg(limit);
        let members: Vec<String> = self.ask("registered", &range).await?;
        let place = |member: &String| {
            let (updated, id) = member.get(tenant.len() + 1..)?.split_at_checked(DIGITS)?;
            Some(Place {
                updated: sorted(updated)?,
                id: ShipmentId(id.to_owned()),
            })
        };
        let places: Option<Vec<_>> = members.iter().map(place).collect();
        places.ok_or_else(|| StoreError::new("the list of what is followed is damaged"))
    }

    /// Tenants that follow anything, each found by one step over all that it follows.
    pub(super) async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let all = (0..PARTITIONS).map(async |partition| {
            let mut tenants = Vec::new();
            let mut min = "-".to_owned();
            loop {
                let mut range = redis::cmd("ZRANGEBYLEX");
                range.arg(self.name(partition, "f")).arg(&min).arg("+");
                range.arg("LIMIT").arg(0).arg(1);
                let first: Vec<String> = self.ask("registered", &range).await?;
                let tenant = first.first().and_then(|member| member.split_once('\0'));
                let Some((tenant, _)) = tenant else {
                    return Ok::<_, StoreError>(tenants);
                };
                min = format!("({tenant}\x01");
                tenants.push(tenant.to_owned());
            }
        });
        let all = try_join_all(all).await?.into_iter().flatten();
        let all: std::collections::BTreeSet<String> = all.collect();
        Ok(all.into_iter().collect())
    }

    pub(super) async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let is_old = |partition: &u16| self.near.head(*partition).is_none();
        let old: Vec<u16> = (0..PARTITIONS).filter(is_old).collect();
        self.look_at(old).await?;
        let head = |partition| {
            let part = self.near.part(partition);
            Head {
                epoch: part.epoch,
                sequence: part.seen,
            }
        };
        Ok((0..PARTITIONS).map(head).collect())
    }
}

/// An entry of a log; `None` if it is not one.
fn change(stream_id: &str, mut fields: BTreeMap<String, String>) -> Option<Change> {
    let is_erased = fields.remove("erased").is_some();
    let what = match (fields.remove("revision"), fields.remove("tenant")) {
        (None, None) if is_erased => What::Erased,
        (Some(revision), None) => What::Record(revision.parse().ok()?),
        (None, Some(tenant)) => What::Overlay(tenant),
        _ => return None,
    };
    Some(Change {
        sequence: stream_id.strip_suffix("-0")?.parse().ok()?,
        id: ShipmentId(fields.remove("id")?),
        what,
        time: sorted(&fields.remove("time")?)?,
    })
}
