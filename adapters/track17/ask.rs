//! How 17TRACK is asked: bodies of requests, and what a number needs until it has an answer.
//!
//! 1. The stored result is asked for under the carrier that the number is believed to be of.
//! 2. A number that is not registered so is asked for under any carrier, because 17TRACK may have
//!    corrected the carrier when it was registered, and registering it again would cost quota.
//! 3. What is not registered at all is registered, if that is allowed.
//!
//! The first two are free. It must not know what answers say of a parcel.

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use waybill_core::adapter::{Answer, Ctx, Query, Registers, Subscribed, Subscription};
use waybill_core::error::{Error, ErrorKind};

use super::answer::{Page, Row, Said, about, read, settle};
use super::carriers::CARRIERS;
use super::{BATCH, Track17, fault};

/// A number in a request. What is empty is left out.
#[derive(PartialEq, Serialize)]
struct Item<'a> {
    number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<u64>,
    #[serde(flatten)]
    more: Option<More<'a>>,
}

/// What goes with a registration.
#[derive(PartialEq, Serialize)]
struct More<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    origin_country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    destination_country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    destination_postal_code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ship_date: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    phone_number_last_4: &'a str,
}

/// A query on its way.
struct Open<'a> {
    at: usize,
    query: &'a Query,
    key: Option<u64>,
}

impl Track17 {
    /// Asks for at most [`BATCH`] queries.
    pub(super) async fn ask(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = queries.iter().map(refused).collect();
        let open = (0..queries.len()).filter(|at| answers[*at].is_ok());
        let open: Vec<Open<'_>> = open.map(|at| Open::of(at, &queries[at])).collect();
        let (known, unknown): (Vec<_>, Vec<_>) = self
            .track(ctx, open, &mut answers)
            .await
            .into_iter()
            .partition(|open| open.key.is_some());
        let again = known.into_iter().map(Open::keyless).collect();
        let again = self.track(ctx, again, &mut answers).await;
        let mut strange: Vec<Open<'_>> = unknown.into_iter().chain(again).collect();
        if strange.is_empty() {
            return answers;
        }
        for open in &mut strange {
            open.key = CARRIERS.key(open.query);
            if !self.registers {
                answers[open.at] = Err(fault::of_code(&fault::NOT_REGISTERED.to_string()));
            }
        }
        if self.registers {
            self.register(ctx, &strange, &mut answers).await;
        }
        answers
    }

    /// Asks for stored results and returns what is not registered.
    async fn track<'a>(
        &self,
        ctx: Ctx<'_>,
        open: Vec<Open<'a>>,
        answers: &mut [Answer],
    ) -> Vec<Open<'a>> {
        if open.is_empty() {
            return open;
        }
        let rows = match self.call(ctx, "gettrackinfo", &items(&open, None)).await {
            Ok(rows) => rows,
            Err(error) => {
                open.iter()
                    .for_each(|open| answers[open.at] = Err(error.clone()));
                return Vec::new();
            }
        };
        let mut strange = Vec::new();
        for open in open {
            let rows = about(&rows, open.query, open.key);
            if !rows.is_empty() && rows.iter().all(|row| is_unregistered(row)) {
                strange.push(open);
            } else {
                answers[open.at] = settle(&rows);
            }
        }
        strange
    }

    async fn register(&self, ctx: Ctx<'_>, open: &[Open<'_>], answers: &mut [Answer]) {
        let rows = self
            .call(ctx, "register", &items(open, Some(&self.reader.language)))
            .await;
        for open in open {
            answers[open.at] = match &rows {
                Err(error) => Err(error.clone()),
                // Its carrier may have been corrected, so that any row of the number will do.
                Ok(rows) => {
                    let rows = about(rows, open.query, open.key);
                    if rows
                        .iter()
                        .any(|row| matches!(row.said, Said::Taken { .. }))
                    {
                        Err(fault::just_registered())
                    } else {
                        settle(&rows)
                    }
                }
            };
        }
    }

    /// Registers numbers, or stops their tracking.
    pub(super) async fn change(
        &self,
        ctx: Ctx<'_>,
        queries: &[Query],
        change: Subscription,
    ) -> Vec<Subscribed> {
        let mut done = Vec::with_capacity(queries.len());
        for queries in queries.chunks(BATCH) {
            done.extend(match change {
                Subscription::Start => self.start(ctx, queries).await,
                Subscription::Stop => {
                    let well = [
                        fault::NOT_REGISTERED,
                        fault::NO_SUCH_PAIR,
                        fault::NOT_TRACKED,
                    ];
                    self.each(ctx, "stoptrack", queries, &well).await
                }
            });
        }
        done
    }

    async fn start(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Subscribed> {
        let mut done = self.each(ctx, "register", queries, &[]).await;
        let code = fault::REGISTERED.to_string();
        let is_known = |subscribed: &Subscribed| {
            let error = subscribed.as_ref().err();
            error.is_some_and(|error| error.native_code == code)
        };
        let known: Vec<usize> = (0..done.len()).filter(|at| is_known(&done[*at])).collect();
        if known.is_empty() {
            return done;
        }
        // A registration whose tracking was stopped pushes nothing until it is taken up again.
        let again: Vec<Query> = known.iter().map(|at| queries[*at].clone()).collect();
        let again = self
            .each(ctx, "retrack", &again, &[fault::NOT_STOPPED])
            .await;
        for (at, subscribed) in known.into_iter().zip(again) {
            done[at] = subscribed;
        }
        done
    }

    /// Sends queries to an endpoint that takes or refuses each; `well` are refusals that say that
    /// all is as it should be.
    async fn each(
        &self,
        ctx: Ctx<'_>,
        path: &str,
        queries: &[Query],
        well: &[i64],
    ) -> Vec<Subscribed> {
        let registers = path == "register";
        let mut done: Vec<Subscribed> = queries
            .iter()
            .map(|query| refused(query).map(|_| None))
            .collect();
        let open = (0..queries.len()).filter(|at| done[*at].is_ok());
        let open: Vec<Open<'_>> = open
            .map(|at| {
                let open = Open::of(at, &queries[at]);
                // Only a registration is under a carrier that we choose.
                let key = open.key.filter(|_| registers);
                Open { key, ..open }
            })
            .collect();
        if open.is_empty() {
            return done;
        }
        let language = registers.then_some(self.reader.language.as_str());
        let rows = self.call(ctx, path, &items(&open, language)).await;
        for open in open {
            done[open.at] = match &rows {
                Err(error) => Err(error.clone()),
                Ok(rows) => {
                    let rows = about(rows, open.query, open.key);
                    let is_well = |row: &&Row| match &row.said {
                        Said::Refused(code, _) => well.contains(code),
                        Said::Taken { .. } | Said::Report(_) => true,
                        Said::Nothing(_) => false,
                    };
                    if rows.iter().any(is_well) {
                        Ok(None)
                    } else {
                        settle(&rows).map(|_| None)
                    }
                }
            };
        }
        done
    }

    async fn call(&self, ctx: Ctx<'_>, path: &str, items: &[Item<'_>]) -> Result<Vec<Row>, Error> {
        let mut request = self.request(path, items)?;
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        if path == "register" {
            let numbers = Registers(count(items.len()));
            request.extensions_mut().insert(numbers);
        }
        let response = ctx.http.send(request).await?;
        let page = read(&self.reader, &response, ctx.now);
        // Accepted numbers are billed, no others, and the status says nothing about that.
        match &page {
            Ok(Page::Rows(rows)) if path == "register" => {
                let refused = rows
                    .iter()
                    .filter(|row| matches!(row.said, Said::Refused(..)));
                ctx.http.not_billed(count(refused.count()));
            }
            Err(error) if path == "register" && error.kind != ErrorKind::Malformed => {
                ctx.http.not_billed(count(items.len()));
            }
            _ => {}
        }
        match page? {
            Page::Rows(rows) => Ok(rows),
            Page::Push { .. } | Page::Other => Err(Error::new(
                ErrorKind::Malformed,
                "answer is of another endpoint",
            )),
        }
    }

    fn request(&self, path: &str, items: &[Item<'_>]) -> Result<Request<Bytes>, Error> {
        let body = serde_json::to_vec(items).map_err(internal)?;
        let mut key = HeaderValue::from_str(self.api_key.expose()).map_err(internal)?;
        key.set_sensitive(true);
        Request::post(format!("{}/track/v2.4/{path}", self.base_url))
            .header("17token", key)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Bytes::from(body))
            .map_err(internal)
    }
}

impl<'a> Open<'a> {
    fn of(at: usize, query: &'a Query) -> Self {
        let key = CARRIERS.key(query);
        Self { at, query, key }
    }

    fn keyless(self) -> Self {
        Self { key: None, ..self }
    }
}

/// The items of a request, each once. With a `language` they are registrations.
fn items<'a>(open: &[Open<'a>], language: Option<&'a str>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::with_capacity(open.len());
    for open in open {
        let hints = &open.query.hints;
        let item = Item {
            number: open.query.number.reveal(),
            carrier: open.key,
            more: language.map(|lang| More {
                lang,
                origin_country: hints.origin_country.trim(),
                destination_country: hints.destination_country.trim(),
                destination_postal_code: hints.postal_code.reveal().trim(),
                ship_date: hints.ship_date.trim(),
                phone_number_last_4: hints.phone_last_four.reveal().trim(),
            }),
        };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

/// Refuses what 17TRACK cannot be asked for.
fn refused(query: &Query) -> Answer {
    if query.number.reveal().len() < 5 {
        let message = "a number of 17track has 5 to 50 characters";
        return Err(Error::new(ErrorKind::InvalidQuery, message).unspent());
    }
    Ok(Vec::new())
}

fn is_unregistered(row: &Row) -> bool {
    matches!(
        row.said,
        Said::Refused(fault::NOT_REGISTERED | fault::NO_SUCH_PAIR, _)
    )
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
