//! How AfterShip is asked: requests, and what a number needs until it has an answer.
//!
//! 1. The trackings of all numbers are asked for at once, which is free.
//! 2. A number without a tracking is registered, if that is allowed; it costs quota.
//! 3. If AfterShip says that its tracking exists all the same, it is asked for by its id, else by
//!    number and carrier.
//!
//! Parameters of a query are in the order of their names, because a signature wants it so. It must
//! not know what answers say of a parcel.

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{CONTENT_TYPE, DATE, HeaderValue};
use http::{Method, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use waybill_core::adapter::{Answer, Ctx, Query, Registers, Subscribed, Subscription};
use waybill_core::error::{Error, ErrorKind};

use super::answer::{self, Page, Row, about, settle};
use super::carriers::CARRIERS;
use super::map::Said;
use super::place::alpha3;
use super::{AfterShip, BATCH, fault, sign};

pub(super) const JSON: &str = "application/json";
const PATH: &str = "/tracking/2026-07/trackings";
/// Trackings on a page, the most that AfterShip gives.
const PAGE: &str = "200";
/// Pages of one answer that are read: more than a batch of numbers can fill in earnest.
const PAGES: usize = 5;
/// What a query parameter may hold as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A tracking to create. What is empty is left out.
#[derive(Serialize)]
struct Create<'a> {
    tracking_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    destination_postal_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_country_region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_country_region: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    tracking_ship_date: &'a str,
}

impl<'a> Create<'a> {
    fn of(query: &'a Query) -> Self {
        let hints = &query.hints;
        Self {
            tracking_number: query.number.reveal(),
            slug: CARRIERS.slug(query),
            destination_postal_code: hints.postal_code.reveal(),
            destination_country_region: alpha3(&hints.destination_country),
            origin_country_region: alpha3(&hints.origin_country),
            tracking_ship_date: &hints.ship_date,
        }
    }
}

impl AfterShip {
    /// Asks for at most [`BATCH`] queries.
    pub(super) async fn ask(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Answer> {
        let asked: Vec<&Query> = queries.iter().collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let rows = match self.list(ctx, &asked, None).await {
            Ok(rows) => rows,
            Err(error) => return vec![Err(error); queries.len()],
        };
        let answers = queries.iter().map(|query| {
            let known = settle(&about(&rows, query));
            async move {
                match known {
                    Some(answer) => answer,
                    None if self.registers => self.create(ctx, query).await,
                    None => Err(fault::of_code(fault::UNKNOWN, "")),
                }
            }
        });
        join_all(answers).await
    }

    /// Asks for the trackings of numbers, under any carrier or one.
    async fn list(
        &self,
        ctx: Ctx<'_>,
        queries: &[&Query],
        slug: Option<&str>,
    ) -> Result<Vec<Row>, Error> {
        let numbers: Vec<&str> = queries.iter().map(|query| query.number.reveal()).collect();
        let numbers = numbers.join(",");
        let mut rows = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let parameters = [
                ("cursor", cursor.as_str()),
                ("limit", PAGE),
                ("slug", slug.unwrap_or_default()),
                ("tracking_numbers", &numbers),
            ];
            let response = self
                .send(ctx, Method::GET, &resource(&parameters), Bytes::new())
                .await?;
            let Page::Rows { rows: more, next } = answer::read(self.codes, &response, ctx.now)?
            else {
                return Err(fault::malformed("answer is no list of trackings"));
            };
            rows.extend(more);
            if next.is_empty() {
                return Ok(rows);
            }
            cursor = next;
        }
        Ok(rows)
    }

    /// Registers a number; one that is registered already is asked for.
    async fn create(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let response = self.post(ctx, query).await?;
        match answer::read(self.codes, &response, ctx.now) {
            Ok(Page::Rows { rows, .. }) => {
                let reports: Vec<_> = rows
                    .into_iter()
                    .filter_map(|row| match row.said {
                        Said::Report(report) => Some(*report),
                        _ => None,
                    })
                    .filter(|report| report.number == query.number)
                    .collect();
                if reports.is_empty() {
                    return Err(fault::just_registered());
                }
                Ok(reports)
            }
            Ok(_) => Err(fault::malformed("answer is no tracking")),
            Err(error) if error.native_code == fault::EXISTS => {
                let id = answer::existing(&response);
                self.find(ctx, query, id).await.unwrap_or(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for a tracking that the list did not have.
    async fn find(&self, ctx: Ctx<'_>, query: &Query, id: Option<String>) -> Option<Answer> {
        let rows = match id {
            Some(id) => {
                let resource = format!("{PATH}/{id}");
                let response = self.send(ctx, Method::GET, &resource, Bytes::new()).await;
                match response.and_then(|response| answer::read(self.codes, &response, ctx.now)) {
                    Ok(Page::Rows { rows, .. }) => Ok(rows),
                    Ok(_) => Err(fault::malformed("answer is no tracking")),
                    Err(error) => Err(error),
                }
            }
            None => self.list(ctx, &[query], CARRIERS.slug(query)).await,
        };
        match rows {
            Ok(rows) => settle(&about(&rows, query)),
            Err(error) => Some(Err(error)),
        }
    }

    /// Registers numbers, or deletes their trackings.
    pub(super) async fn change(
        &self,
        ctx: Ctx<'_>,
        queries: &[Query],
        change: Subscription,
    ) -> Vec<Subscribed> {
        let mut done = Vec::with_capacity(queries.len());
        for queries in queries.chunks(BATCH) {
            done.extend(match change {
                Subscription::Start => {
                    join_all(queries.iter().map(|query| self.start(ctx, query))).await
                }
                Subscription::Stop => self.stop(ctx, queries).await,
            });
        }
        done
    }

    /// A tracking is pushed from its creation on, without end.
    async fn start(&self, ctx: Ctx<'_>, query: &Query) -> Subscribed {
        let response = self.post(ctx, query).await?;
        match answer::read(self.codes, &response, ctx.now) {
            Ok(_) => Ok(None),
            Err(error) if error.native_code == fault::EXISTS => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stop(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Subscribed> {
        let asked: Vec<&Query> = queries.iter().collect();
        let rows = match asked.as_slice() {
            [] => Ok(Vec::new()),
            asked => self.list(ctx, asked, None).await,
        };
        let stopped = queries.iter().map(|query| {
            let rows = &rows;
            async move {
                let rows = rows.as_ref().map_err(Clone::clone)?;
                for row in about(rows, query) {
                    self.delete(ctx, &row.id).await?;
                }
                Ok(None)
            }
        });
        join_all(stopped).await
    }

    /// Deletes a tracking; one that is gone is as good as deleted.
    async fn delete(&self, ctx: Ctx<'_>, id: &str) -> Result<(), Error> {
        if id.is_empty() {
            return Err(fault::malformed("tracking has no id"));
        }
        let resource = format!("{PATH}/{id}");
        let response = self
            .send(ctx, Method::DELETE, &resource, Bytes::new())
            .await?;
        if response.status().is_success() {
            return Ok(());
        }
        match answer::read(self.codes, &response, ctx.now) {
            Err(error) if error.native_code == fault::UNKNOWN => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(fault::malformed("refusal is not understood")),
        }
    }

    async fn post(&self, ctx: Ctx<'_>, query: &Query) -> Result<Response<Bytes>, Error> {
        let body = serde_json::to_vec(&Create::of(query)).map_err(|_| unmade())?;
        self.send(ctx, Method::POST, PATH, Bytes::from(body)).await
    }

    async fn send(
        &self,
        ctx: Ctx<'_>,
        method: Method,
        resource: &str,
        body: Bytes,
    ) -> Result<Response<Bytes>, Error> {
        let api_key = self.api_key.expose();
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| unmade())?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let mut request = Request::builder()
            .uri(format!("{}{resource}", self.base_url))
            .header("as-api-key", secret(api_key)?);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        // Nothing else is posted than a tracking to create.
        if method == Method::POST {
            request = request.extension(Registers(1));
        }
        if !self.api_secret.is_empty() {
            let date = sign::date(ctx.now);
            let signature = sign::signature(
                self.api_secret.expose(),
                &sign::Signed {
                    method: &method,
                    resource,
                    body: &body,
                    date: &date,
                    api_key,
                },
            );
            request = request
                .header(DATE, date)
                .header("as-signature-hmac-sha256", secret(&signature)?);
        }
        let request = request.method(method).body(body).map_err(|_| unmade())?;
        ctx.http.send(request).await
    }
}

/// Path and query of a list; parameters come in the order of their names, empty ones are left out.
fn resource(parameters: &[(&str, &str)]) -> String {
    let mut resource = PATH.to_owned();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        let first = resource.len() == PATH.len();
        resource.push(if first { '?' } else { '&' });
        resource.push_str(name);
        resource.push('=');
        resource.extend(utf8_percent_encode(value, PLAIN));
    }
    resource
}

fn unmade() -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
