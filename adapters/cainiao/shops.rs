//! What the shops say about the parcels of an order: Taobao, 1688 and Alibaba.com, and AliExpress.

use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::{Facts, IdentifierKind};
use waybill_core::status::Status;

use super::map::{Asked, Entry, Reader, Row, Rows, first, is_true, newest, report};
use super::meaning::{self, Said};
use super::wire::{AliDetail, AliExpress, CrossPackage, Parcel, Trade};
use super::{clock, facts, fault, place};

/// Texts of Taobao and 1688.
const CHINESE: &str = "zh-CN";

impl Reader {
    /// taobao.logistics.trace.search. The steps are those of the carrier that the trade names.
    pub(super) fn trades(&self, trades: &[Trade<'_>]) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::with_capacity(trades.len());
        for trade in trades {
            if let Ok(number) = TrackingNumber::parse(&trade.out_sid) {
                entries.push(self.trade(number, trade));
            }
        }
        if entries.is_empty() {
            return Err(fault::not_found("the trade has no parcel yet"));
        }
        Ok(entries)
    }

    fn trade(&self, number: TrackingNumber, trade: &Trade<'_>) -> Entry {
        let carrier = facts::carrier(&[&trade.company_name]);
        let mut rows = Rows::default();
        for step in &trade.trace_list.transit_step_info {
            let code = meaning::normal(&step.action);
            let said = Said {
                code: &code,
                text: step.status_desc.trim(),
                ..Said::default()
            };
            rows.add(Row {
                code: &step.action,
                reason: "",
                text: &step.status_desc,
                meaning: meaning::of(self.codes, said),
                time: clock::beijing(&step.status_time),
                location: None,
                carrier,
            });
        }
        let mut doubts = Vec::new();
        let claims = rows.in_order(&mut doubts);
        // A trade that was shipped without the platform's waybill is called signed at once.
        let said = meaning::of_trade(self.codes, &trade.status);
        let said = said.and_then(|meaning| meaning.event.status());
        let reached = newest(&claims).and_then(|claim| claim.code.status());
        if said == Some(Status::Delivered) && reached != said {
            doubts.push("the trade is called signed and its newest step is not".to_owned());
        }
        let mut numbers = facts::Numbers::of(&number);
        numbers.order(&trade.tid);
        let facts = Facts {
            identifiers: numbers.into_found(),
            doubts,
            ..Facts::default()
        };
        Entry {
            answer: Ok(report(number.clone(), CHINESE, claims, facts)),
            number,
        }
    }

    /// alibaba.trade.getLogisticsTraceInfo: one entry per parcel. An overseas leg continues the
    /// parcel where there is one of each; of several, nothing says which continues which, so each
    /// is a parcel of its own.
    pub(super) fn parcels(
        &self,
        parcels: &[&Parcel<'_>],
        overseas: &[&CrossPackage<'_>],
    ) -> Result<Vec<Entry>, Error> {
        let joined = parcels.len() == 1 && overseas.len() == 1;
        let mut entries = Vec::with_capacity(parcels.len() + overseas.len());
        for parcel in parcels {
            let leg = overseas.first().copied().filter(|_| joined);
            entries.extend(self.parcel_of(Some(parcel), leg));
        }
        for leg in overseas.iter().filter(|_| !joined) {
            entries.extend(self.parcel_of(None, Some(leg)));
        }
        if entries.is_empty() {
            return Err(fault::not_found("the order has no parcel yet"));
        }
        Ok(entries)
    }

    fn parcel_of(
        &self,
        parcel: Option<&Parcel<'_>>,
        leg: Option<&CrossPackage<'_>>,
    ) -> Option<Entry> {
        let id = parcel.map_or("", |parcel| &parcel.logistics_id);
        let bill = parcel.map_or("", |parcel| &parcel.logistics_bill_no);
        let cross = leg.map_or("", |leg| &leg.cross_mail_no);
        let mut own = [id, bill, cross].into_iter();
        let number = own.find_map(|number| TrackingNumber::parse(number).ok())?;
        let mut numbers = facts::Numbers::of(&number);
        numbers.add(IdentifierKind::Carrier, bill, "");
        numbers.order(parcel.map_or("", |parcel| &parcel.order_id));
        numbers.order(leg.map_or("", |leg| &leg.order_id));
        let mut doubts = Vec::new();
        let mut rows = Rows::default();
        let steps = parcel.map(|parcel| &parcel.logistics_steps);
        if let Some(None) = steps {
            doubts.push("logisticsSteps: no list of objects".to_owned());
        }
        for step in steps.into_iter().flatten().flatten() {
            let said = Said {
                text: step.remark.trim(),
                ..Said::default()
            };
            rows.add(Row {
                code: "",
                reason: "",
                text: &step.remark,
                meaning: meaning::of(self.codes, said),
                time: clock::beijing(&step.accept_time),
                location: None,
                carrier: "",
            });
        }
        let mut claims = rows.in_order(&mut doubts);
        if let Some(leg) = leg {
            let partner = self.overseas_leg(leg, &mut claims, &mut doubts);
            numbers.add(IdentifierKind::LastMile, cross, partner);
        }
        let facts = Facts {
            identifiers: numbers.into_found(),
            doubts,
            ..Facts::default()
        };
        Some(Entry {
            answer: Ok(report(number.clone(), CHINESE, claims, facts)),
            number,
        })
    }

    /// Reads the overseas leg and returns its carrier.
    fn overseas_leg(
        &self,
        leg: &CrossPackage<'_>,
        claims: &mut Vec<waybill_core::event::Claim>,
        doubts: &mut Vec<String>,
    ) -> &'static str {
        let mut rows = Rows::default();
        let mut partner = "";
        for trace in &leg.traces {
            let code = first(&[
                &trace.trace_node.trace_node_code,
                &trace.out_trace_node_code,
                &trace.op_code,
            ]);
            let normal = meaning::normal(code);
            let exception = &trace.trace_exception;
            let text = first(&[
                &trace.node_detail,
                &trace.trace_node.trace_node_name,
                &exception.exception_desc,
            ]);
            let said = Said {
                code: &normal,
                text,
                ..Said::default()
            };
            let carrier = facts::carrier(&[&trace.carrier_partner_code]);
            if !carrier.is_empty() {
                partner = carrier;
            }
            rows.add(Row {
                code,
                reason: &exception.exception_code,
                text,
                meaning: meaning::of(self.codes, said),
                time: clock::open(&trace.node_action_time),
                location: None,
                carrier,
            });
        }
        claims.extend(rows.in_order(doubts));
        partner
    }

    /// aliexpress.logistics.redefining.querytrackingresult, which does not repeat the number.
    pub(super) fn ali_express(
        &self,
        answer: &AliExpress<'_>,
        asked: Asked<'_>,
    ) -> Result<Entry, Error> {
        if !answer.result_success.trim().is_empty() && !is_true(&answer.result_success) {
            return Err(Error::new(
                ErrorKind::InvalidQuery,
                "the platform could not query the number",
            ));
        }
        if answer.details.is_empty() {
            return Err(fault::not_found("number not found"));
        }
        let (number, doubt) = asked.number()?;
        let mut rows = Rows::default();
        for detail in &answer.details {
            if detail.details.is_empty() {
                self.ali_row(&mut rows, detail);
            }
            for inner in &detail.details {
                self.ali_row(&mut rows, inner);
            }
        }
        let mut doubts: Vec<String> = doubt.into_iter().collect();
        let claims = rows.newest_first(&mut doubts);
        let facts = Facts {
            contacts: facts::contact(&answer.official_website, ""),
            doubts,
            ..Facts::default()
        };
        Ok(Entry {
            answer: Ok(report(number.clone(), "und", claims, facts)),
            number,
        })
    }

    fn ali_row(&self, rows: &mut Rows, detail: &AliDetail<'_>) {
        if detail.event_date.is_empty() && detail.action_code.is_empty() {
            return;
        }
        let code = meaning::normal(&detail.action_code);
        let said = Said {
            code: &code,
            text: detail.event_desc.trim(),
            ..Said::default()
        };
        rows.add(Row {
            code: &detail.action_code,
            reason: "",
            text: &detail.event_desc,
            meaning: meaning::of(self.codes, said),
            time: clock::zoned(&detail.event_date, ""),
            location: place::country_and_town(&detail.address),
            carrier: "",
        });
    }
}
