//! News from the operator's own systems, on their way to steps 4 to 8.
//!
//! **Invariant:** an event is in the store once, whatever dies when. First its id is taken, with
//! what belongs to it, so that the same id can never stand for something else. Then it goes to its
//! shipment, or to the page of its order, unless it is there already: so whoever sends it again
//! finishes what was begun. A page is written before the shipments of its order are looked for, and
//! a shipment is bound to its order before the page is read: whichever comes second sees the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use waybill_core::adapter::Hints;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::internal::{self, Full, Page, Statement};
use waybill_core::number::{self, TrackingNumber};
use waybill_core::order::{Order, Subject};
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::ShipmentId;

use super::settle::{REUSE, commit, gap, issuer_of, span, store_error};
use super::{Miss, Pipeline, standing};
use crate::store::{CommitError, Note, NoteKey, StoreError, Stored};

/// How often a write is tried again when somebody else was faster: own systems send many events of
/// one shipment at once, each in a call of its own.
const ROUNDS: usize = 256;
/// Numbers of one call that are written at the same time, so that they share syncs of the disk.
const WIDTH: usize = 32;

/// One event of an own system.
#[derive(Clone)]
pub struct Item {
    /// Number of the parcel. One of number and order is there.
    pub number: Option<TrackingNumber>,
    /// Order that it belongs to.
    pub order: Option<Order>,
    /// Carrier that issued the number; empty if not known.
    pub carrier: String,
    /// What is said.
    pub statement: Statement,
    /// The event as it was sent: what must be the same if its id is.
    pub content: Vec<u8>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Shipments that it is part of; none while no number of its order is known.
    pub shipments: Vec<ShipmentId>,
    /// It was not known before.
    pub is_new: bool,
}

/// Why one event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its id stands for an event with other content.
    OtherContent,
    /// The shipment or order has as many events as it can.
    Full,
    /// The shipment was erased, and nobody has registered it again.
    Erased,
    /// The store failed.
    Failed,
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Failed
    }
}

type Outcome = Result<Taken, Refusal>;

impl Pipeline {
    /// Takes in events of own systems and says what became of each, in their order. Goes on when
    /// the caller goes away.
    ///
    /// # Errors
    /// [`Miss::Store`] if nothing was stored.
    pub async fn ingest(&self, items: Vec<Item>) -> Result<Vec<Outcome>, Miss> {
        let pipeline = self.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        crate::tasks::spawn("ingest", async move {
            // Nobody waits if the caller has gone.
            let _told = tell.send(ingest(&pipeline, items).await);
        });
        let died = |_| Miss::Store("taking in events died".to_owned());
        told.await.map_err(died)?
    }

    /// Says which events could be taken in, and stores nothing.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn could_ingest(&self, items: &[Item]) -> Result<Vec<Result<(), Refusal>>, Miss> {
        let claims = claims(self, items);
        let keys: Vec<NoteKey> = claims.iter().map(|(key, _)| *key).collect();
        let kept = self.parts.store.notes(&keys).await.map_err(miss)?;
        let mut first: HashMap<NoteKey, [u8; 32]> = HashMap::new();
        let judge = |((key, content), kept): ((NoteKey, [u8; 32]), Option<Note>)| {
            let is_first = *first.entry(key).or_insert(content) == content;
            let is_kept = kept.is_none_or(|kept| kept.value == content);
            if is_first && is_kept {
                Ok(())
            } else {
                Err(Refusal::OtherContent)
            }
        };
        Ok(claims.into_iter().zip(kept).map(judge).collect())
    }
}

async fn ingest(pipeline: &Pipeline, items: Vec<Item>) -> Result<Vec<Outcome>, Miss> {
    let store = &pipeline.parts.store;
    let claims = claims(pipeline, &items);
    let notes = claims.iter().map(|(key, content)| {
        let value = content.to_vec();
        (*key, Note { version: 1, value })
    });
    let taken = store.keep(notes.collect()).await.map_err(miss)?;
    let keys: Vec<NoteKey> = claims.iter().map(|(key, _)| *key).collect();
    let kept = if taken.contains(&false) {
        store.notes(&keys).await.map_err(miss)?
    } else {
        Vec::new()
    };
    // An event that is sent twice in one call is worked on once.
    let mut first: HashMap<NoteKey, usize> = HashMap::new();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; items.len()];
    let mut by_number: BTreeMap<&TrackingNumber, Vec<usize>> = BTreeMap::new();
    let mut by_order: BTreeMap<&Order, Vec<usize>> = BTreeMap::new();
    for (at, (item, (key, content))) in items.iter().zip(&claims).enumerate() {
        let other = kept.get(at).and_then(Option::as_ref);
        if other.is_some_and(|kept| kept.value != *content) {
            outcomes[at] = Some(Err(Refusal::OtherContent));
        } else if *first.entry(*key).or_insert(at) == at {
            match (&item.number, &item.order) {
                (Some(number), _) => by_number.entry(number).or_default().push(at),
                (None, Some(order)) => by_order.entry(order).or_default().push(at),
                (None, None) => {}
            }
        }
    }
    for (order, places) in &by_order {
        let statements = statements(&items, places);
        let written = write_page(pipeline, order, &statements).await;
        for (nth, at) in places.iter().enumerate() {
            outcomes[*at] = Some(
                written
                    .as_ref()
                    .map_err(|refusal| *refusal)
                    .map(|known| Taken {
                        shipments: Vec::new(),
                        is_new: !known[nth],
                    }),
            );
        }
    }
    let mut work = Vec::with_capacity(by_number.len());
    for (number, places) in by_number {
        work.push(enter_all(pipeline, number, &items, places));
    }
    let mut work = stream::iter(work).buffer_unordered(WIDTH);
    while let Some(done) = work.next().await {
        for (at, outcome) in done {
            outcomes[at] = Some(outcome);
        }
    }
    drop(work);
    let orders = items.iter().filter_map(|item| item.order.as_ref());
    let orders: BTreeSet<&Order> = orders.collect();
    for order in orders {
        let joined = join(pipeline, order).await;
        for at in by_order.get(order).into_iter().flatten() {
            if let Some(Ok(taken)) = &mut outcomes[*at] {
                match &joined {
                    Ok(ids) => taken.shipments.clone_from(ids),
                    Err(refusal) => outcomes[*at] = Some(Err(*refusal)),
                }
            }
        }
    }
    let all = claims.iter().enumerate().map(|(at, (key, _))| {
        let own = outcomes[at].clone();
        let again = || {
            let first = first.get(key).and_then(|first| outcomes[*first].clone());
            first.map(|first| {
                first.map(|taken| Taken {
                    is_new: false,
                    ..taken
                })
            })
        };
        own.or_else(again).unwrap_or(Err(Refusal::Failed))
    });
    Ok(all.collect())
}

/// Key and content of each event, as they are kept.
fn claims(pipeline: &Pipeline, items: &[Item]) -> Vec<(NoteKey, [u8; 32])> {
    let keys = &pipeline.parts.keys;
    let claim = |item: &Item| {
        let source = item.statement.source.as_bytes();
        let id = item.statement.claim.native_id.as_bytes();
        (
            keys.hash("ingest event", &[source, id]),
            keys.hash("ingest content", &[&item.content]),
        )
    };
    items.iter().map(claim).collect()
}

fn statements(items: &[Item], places: &[usize]) -> Vec<Statement> {
    let statement = |at: &usize| items[*at].statement.clone();
    places.iter().map(statement).collect()
}

/// Takes in the events of one number, one carrier and order after the other.
async fn enter_all(
    pipeline: &Pipeline,
    number: &TrackingNumber,
    items: &[Item],
    places: Vec<usize>,
) -> Vec<(usize, Outcome)> {
    let mut groups: BTreeMap<(&str, Option<&Order>), Vec<usize>> = BTreeMap::new();
    for at in places {
        let key = (items[at].carrier.as_str(), items[at].order.as_ref());
        groups.entry(key).or_default().push(at);
    }
    let mut outcomes = Vec::new();
    for ((carrier, order), places) in groups {
        let statements = statements(items, &places);
        let entered = enter(pipeline, number, carrier, order, &statements).await;
        for (nth, at) in places.into_iter().enumerate() {
            let taken = entered.as_ref().map(|(id, known)| Taken {
                shipments: vec![id.clone()],
                is_new: !known[nth],
            });
            outcomes.push((at, taken.map_err(|refusal| *refusal)));
        }
    }
    outcomes
}

/// Takes statements about a number into its shipment; says which it is, and what it had already.
async fn enter(
    pipeline: &Pipeline,
    number: &TrackingNumber,
    carrier: &str,
    order: Option<&Order>,
    statements: &[Statement],
) -> Result<(ShipmentId, Vec<bool>), Refusal> {
    for _ in 0..ROUNDS {
        let (id, stored) = place(pipeline, number, carrier, statements).await?;
        let dossier = match &stored {
            Some(stored) => stored.dossier.clone(),
            None => {
                let subject = Subject::Number(number.clone());
                let barred = pipeline.is_barred(&subject).await;
                if barred.map_err(store_error)? {
                    return Err(Refusal::Erased);
                }
                Dossier::new(id.clone(), number.clone(), issued_by(number, carrier))
            }
        };
        let known = internal::known(&dossier, statements);
        if store_in(
            pipeline,
            stored.as_ref(),
            dossier,
            carrier,
            order,
            statements,
        )
        .await?
        {
            return Ok((id, known));
        }
    }
    Err(Refusal::Failed)
}

/// Takes statements into a dossier and commits it, if they bring news; `false` if somebody else
/// was faster.
async fn store_in(
    pipeline: &Pipeline,
    stored: Option<&Arc<Stored>>,
    mut dossier: Dossier,
    carrier: &str,
    order: Option<&Order>,
    statements: &[Statement],
) -> Result<bool, Refusal> {
    if !internal::take_in(&mut dossier, statements, order)? {
        return Ok(true);
    }
    if !carrier.is_empty() && internal::is_only_own(&dossier) {
        carrier.clone_into(&mut dossier.carrier);
    }
    let mut aliases = vec![Subject::Number(dossier.number.clone())];
    aliases.extend(order.cloned().map(Subject::Order));
    match commit(pipeline, stored, dossier, aliases, false).await {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Store(error)) => Err(store_error(error).into()),
    }
}

/// Finds the shipment that statements about a number belong to, or the id of the one to be made:
/// the one that has some of them, else of those that fit in carrier and time the nearest.
async fn place(
    pipeline: &Pipeline,
    number: &TrackingNumber,
    carrier: &str,
    statements: &[Statement],
) -> Result<(ShipmentId, Option<Arc<Stored>>), Error> {
    let store = &pipeline.parts.store;
    let own = span(statements.iter().map(|one| &one.claim));
    let mut nearest: Option<((bool, SignedDuration), Arc<Stored>)> = None;
    let subject = Subject::Number(number.clone());
    for stored in standing::owners(pipeline, &subject)
        .await
        .map_err(store_error)?
    {
        let dossier = &stored.dossier;
        if internal::known(dossier, statements).contains(&true) {
            return Ok((dossier.id.clone(), Some(stored)));
        }
        let fits = carrier.is_empty()
            || internal::is_only_own(dossier)
            || [&dossier.carrier, &stored.record.carrier].contains(&&carrier.to_owned());
        let apart = gap(own, dossier.oldest().zip(dossier.newest()));
        let rank = (dossier.number != *number, apart);
        if fits && apart <= REUSE && nearest.as_ref().is_none_or(|(least, _)| rank < *least) {
            nearest = Some((rank, stored));
        }
    }
    if let Some((_, stored)) = nearest {
        return Ok((stored.dossier.id.clone(), Some(stored)));
    }
    let issuer = issued_by(number, carrier);
    let issuer = issuer_of(number).unwrap_or(&issuer);
    let mut nth = 0;
    loop {
        let id = pipeline.parts.keys.shipment_id(issuer, number, nth);
        if store.load(&id).await.map_err(store_error)?.is_none() {
            return Ok((id, None));
        }
        nth += 1;
    }
}

/// Carrier of a number: the one that is named, else the best that its format points to.
fn issued_by(number: &TrackingNumber, carrier: &str) -> String {
    if !carrier.is_empty() {
        return carrier.to_owned();
    }
    let candidates = number::detect(number, &Hints::default());
    let mut sound = candidates
        .into_iter()
        .filter(|candidate| candidate.check_digit_valid == Some(true));
    sound.next().map_or_else(String::new, |best| best.carrier)
}

fn page_key(pipeline: &Pipeline, order: &Order) -> NoteKey {
    crate::store::order_key(&pipeline.parts.keys, "ingest order", order)
}

/// The page of an order, and its version.
async fn read_page(pipeline: &Pipeline, order: &Order) -> Result<(Page, u64), Error> {
    let key = page_key(pipeline, order);
    let notes = pipeline.parts.store.notes(&[key]).await;
    let note = notes.map_err(store_error)?.into_iter().flatten().next();
    let Some(note) = note else {
        return Ok((Page::default(), 0));
    };
    let page = serde_json::from_slice(&note.value);
    let page = page.map_err(|_| Error::new(ErrorKind::Internal, "the page of an order is damaged"));
    Ok((page?, note.version))
}

/// Adds statements to the page of an order; says which were there already.
async fn write_page(
    pipeline: &Pipeline,
    order: &Order,
    statements: &[Statement],
) -> Result<Vec<bool>, Refusal> {
    for _ in 0..ROUNDS {
        let (mut page, version) = read_page(pipeline, order).await?;
        let known = page.add(statements)?;
        if !known.contains(&false) {
            return Ok(known);
        }
        let value = serde_json::to_vec(&page).map_err(|_| Refusal::Failed)?;
        let note = Note {
            version: version + 1,
            value,
        };
        let kept = pipeline
            .parts
            .store
            .keep(vec![(page_key(pipeline, order), note)]);
        if kept.await.map_err(store_error)?.contains(&true) {
            return Ok(known);
        }
    }
    Err(Refusal::Failed)
}

/// Makes what was said about an order part of each of its shipments, and says which they are.
///
/// # Errors
/// [`Refusal::Full`] or [`Refusal::Failed`].
pub(super) async fn join(pipeline: &Pipeline, order: &Order) -> Result<Vec<ShipmentId>, Refusal> {
    let store = &pipeline.parts.store;
    let (page, _) = read_page(pipeline, order).await?;
    let subject = Subject::Order(order.clone());
    let ids = store.find(&subject).await.map_err(store_error)?;
    if page.statements.is_empty() {
        return Ok(ids);
    }
    for id in &ids {
        let mut is_done = false;
        for _ in 0..ROUNDS {
            let Some(stored) = store.load(id).await.map_err(store_error)? else {
                is_done = true;
                break;
            };
            let dossier = stored.dossier.clone();
            let all = &page.statements;
            is_done = store_in(pipeline, Some(&stored), dossier, "", Some(order), all).await?;
            if is_done {
                break;
            }
        }
        if !is_done {
            return Err(Refusal::Failed);
        }
    }
    Ok(ids)
}

/// Tells whether own systems have spoken of an order, whether or not a number of it is known.
pub(super) async fn is_announced(pipeline: &Pipeline, subject: &Subject) -> Result<bool, Miss> {
    let Subject::Order(order) = subject else {
        return Ok(false);
    };
    let page = read_page(pipeline, order).await;
    let (page, _) = page.map_err(|error| Miss::Store(error.message))?;
    Ok(!page.statements.is_empty())
}

fn miss(error: StoreError) -> Miss {
    Miss::Store(error.to_string())
}
