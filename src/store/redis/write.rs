//! Commits: prepared here, decided by one script each.

use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use waybill_core::shipment::ShipmentId;

use super::super::{
    Commit, CommitError, Note, NoteKey, OverlayCommit, StoreError, changes_kept_since, codec,
};
use super::near::As;
use super::script::{Noted, Outcome, Written};
use super::{Inner, Own, new_epoch, partition_of, sortable};

impl Inner {
    /// The epoch that this node believes in.
    async fn epoch(&self, partition: u16) -> Result<u64, StoreError> {
        if self.near.part(partition).epoch == 0 {
            self.look(partition).await?;
        }
        Ok(self.near.part(partition).epoch)
    }

    /// Looks at a partition if it has another epoch than this node believes.
    pub(super) async fn believe(&self, at: As) -> Result<(), StoreError> {
        match self.near.part(at.partition).epoch == at.epoch {
            true => Ok(()),
            false => self.look_at([at.partition]).await,
        }
    }

    /// The hashes that lead to a shipment say so before it is written: one that is written can be
    /// found. Those that are left over lead nowhere.
    async fn lead_to(&self, id: &ShipmentId, subjects: &[[u8; 32]]) -> Result<(), StoreError> {
        let adding = subjects.iter().map(async |subject| {
            let mut add = redis::cmd("SADD");
            add.arg(self.subject_name(subject)).arg(&id.0);
            self.ask::<()>("alias", &add).await
        });
        try_join_all(adding).await?;
        Ok(())
    }

    pub(super) async fn commit(&self, commit: Commit) -> Result<u64, CommitError> {
        let subjects = commit.subjects();
        let subjects: Vec<_> = subjects
            .map(|subject| self.keys.subject(&subject))
            .collect();
        let (expected, changed, time) = (commit.expected, commit.changed, commit.time);
        let stored = Arc::new(commit.into_stored());
        let id = &stored.dossier.id;
        let partition = partition_of(id);
        let (own, ()) = try_join(self.own_key(id), self.lead_to(id, &subjects)).await?;
        let value = codec::seal_shipment(&self.keys, &own.key, &stored)?;

        let names = self.commit_names(partition, id);
        let texts = [
            expected.to_string(),
            stored.version.to_string(),
            sortable(stored.record.update_time),
            sortable(time),
            sortable(changes_kept_since(time)),
            partition.to_string(),
            self.channel(),
        ];
        let [
            expected_text,
            following,
            place,
            time,
            since,
            number,
            channel,
        ] = texts.each_ref().map(|text| text.as_bytes());
        let revision = match changed {
            true => stored.record.revision.to_string(),
            false => String::new(),
        };
        let mut unreadable = Vec::new();
        loop {
            let believed = self.epoch(partition).await?.to_string();
            let new = new_epoch();
            let mut arguments: Vec<&[u8]> = vec![
                &new,
                believed.as_bytes(),
                expected_text,
                following,
                &value,
                &unreadable,
                place,
                id.0.as_bytes(),
                revision.as_bytes(),
                time,
                since,
                channel,
                number,
                &own.wrapped,
                own.is_new(),
            ];
            arguments.extend(subjects.iter().map(<[u8; 32]>::as_slice));
            let script = &self.scripts.commit;
            let written: Written = self.run("commit", script, &names, &arguments).await?;
            let at = written.at(partition);
            match written.outcome {
                Outcome::Done(sequence) => {
                    self.near.committed(at);
                    self.near.keep_shipment(at, &stored, value.len());
                    self.keep_key(id, own);
                    if sequence > 0 {
                        self.bell.ring();
                    }
                    return Ok(sequence);
                }
                // What `load` calls absent has to be absent here too.
                Outcome::Conflict(Some(held))
                    if expected == 0
                        && unreadable.is_empty()
                        && self.opens_not(id, &own, &held) =>
                {
                    unreadable = [b"x".as_slice(), &held].concat();
                }
                Outcome::Conflict(_) | Outcome::Epoch => {
                    // Should what is kept ever be behind, the loser must not read the same again.
                    self.near.drop_shipment(id);
                    self.known.invalidate(id);
                    self.believe(at).await?;
                    return Err(CommitError::Conflict);
                }
            }
        }
    }

    pub(super) async fn commit_overlay(&self, commit: OverlayCommit) -> Result<(), CommitError> {
        let (id, tenant) = (&commit.id, &commit.tenant);
        let partition = partition_of(id);
        // A shipment that cannot be read is absent.
        let shipment = match self.near.shipment(partition, id) {
            Some(stored) => Some(stored),
            None => self.load(id).await?,
        };
        if shipment.is_none() {
            return Err(CommitError::Conflict);
        }
        let own = self.own_key(id).await?;
        let value = codec::seal_overlay(&self.keys, &own.key, &commit)?;
        let names = self.commit_names(partition, id);
        let key = (id.clone(), tenant.clone());
        let texts = [
            commit.expected.to_string(),
            sortable(commit.time),
            sortable(changes_kept_since(commit.time)),
            partition.to_string(),
            self.channel(),
        ];
        let [expected, time, since, number, channel] = texts.each_ref().map(|text| text.as_bytes());
        let follows: &[u8] = match commit.overlay.registration.is_some() {
            true => b"1",
            false => b"0",
        };
        let mut unreadable = Vec::new();
        loop {
            let believed = self.epoch(partition).await?.to_string();
            let arguments = [
                &*new_epoch(),
                believed.as_bytes(),
                expected,
                &value,
                &unreadable,
                id.0.as_bytes(),
                tenant.as_bytes(),
                follows,
                time,
                since,
                channel,
                number,
                &own.wrapped,
                own.is_new(),
            ];
            let script = &self.scripts.overlay;
            let written: Written = self.run("overlay", script, &names, &arguments).await?;
            let at = written.at(partition);
            match written.outcome {
                Outcome::Done(_) => {
                    self.near.committed(at);
                    self.near.keep_overlay(at, key, Some(commit.overlay));
                    self.keep_key(id, own);
                    self.bell.ring();
                    return Ok(());
                }
                Outcome::Conflict(Some(held))
                    if commit.expected == 0
                        && unreadable.is_empty()
                        && codec::open_overlay(&self.keys, Some(&own.key), id, tenant, &held)
                            .is_none() =>
                {
                    unreadable = [b"x".as_slice(), &held].concat();
                }
                Outcome::Conflict(_) | Outcome::Epoch => {
                    self.near.drop_overlay(&key);
                    self.known.invalidate(id);
                    self.believe(at).await?;
                    return Err(CommitError::Conflict);
                }
            }
        }
    }

    pub(super) async fn keep_note(&self, key: &NoteKey, note: &Note) -> Result<bool, StoreError> {
        let names = [self.note_name(key)];
        let before = note.version.wrapping_sub(1).to_be_bytes();
        let value = codec::seal_note(&self.keys, key, note)?;
        let mut unreadable = Vec::new();
        loop {
            let arguments: [&[u8]; 3] = [&before, &value, &unreadable];
            let script = &self.scripts.note;
            let Noted(outcome) = self.run("keep", script, &names, &arguments).await?;
            match outcome {
                Outcome::Done(_) => return Ok(true),
                Outcome::Conflict(Some(held))
                    if unreadable.is_empty()
                        && codec::open_note(&self.keys, key, &held).is_none() =>
                {
                    unreadable = [b"x".as_slice(), &held].concat();
                }
                Outcome::Conflict(_) | Outcome::Epoch => return Ok(false),
            }
        }
    }
}

impl Inner {
    /// Whether what stands in the place of a shipment cannot be read with the key that it has.
    fn opens_not(&self, id: &ShipmentId, own: &Own, held: &[u8]) -> bool {
        codec::open_shipment(&self.keys, Some(&own.key), id, held).is_none()
    }
}

impl Own {
    const fn is_new(&self) -> &'static [u8] {
        match self.is_new {
            true => b"1",
            false => b"0",
        }
    }
}

impl Written {
    const fn at(&self, partition: u16) -> As {
        As {
            partition,
            epoch: self.epoch,
            sequence: self.sequence,
        }
    }
}
