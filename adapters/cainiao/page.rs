//! The public page: parcels by number, several in one answer.

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::Facts;
use waybill_core::status::Status;

use super::fault;
use super::map::{Asked, Entry, Reader, Row, Rows, first, forecast, malformed, newest, report};
use super::meaning::{self, Said};
use super::place::{self, Country};
use super::wire::{Module, Trace};
use super::{clock, facts};

impl Reader {
    /// Reads the parcels; one that does not name its number belongs to the one that was asked for.
    pub(super) fn page(&self, modules: &[Module<'_>], asked: Asked<'_>) -> Vec<Entry> {
        let alone = modules.len() == 1;
        let mut entries = Vec::with_capacity(modules.len());
        for module in modules {
            let number = match TrackingNumber::parse(&module.mail_no) {
                Ok(number) => number,
                Err(_) if alone => match asked {
                    Asked::Number(number) => number.clone(),
                    Asked::Many | Asked::Nobody => continue,
                },
                Err(_) => continue,
            };
            entries.push(self.parcel(number, module));
        }
        entries
    }

    fn parcel(&self, number: TrackingNumber, module: &Module<'_>) -> Entry {
        let latest = Some(&module.latest_trace).filter(|trace| !trace.time_str.is_empty());
        let Some(listed) = &module.detail_list else {
            let error = malformed("module.detailList: no list of objects");
            return Entry {
                number,
                answer: Err(error),
            };
        };
        let unknown = listed.is_empty()
            && latest.is_none()
            && module.status.trim().is_empty()
            && matches!(module.mail_no_source.trim(), "" | "EXTERNAL");
        if unknown {
            let error = fault::not_found("number not found");
            return Entry {
                number,
                answer: Err(error),
            };
        }
        let destination = Country::read(&module.dest_country);
        let mut rows = Rows::default();
        // The newest event decides, and the list can lag behind it.
        if let Some(latest) = latest.filter(|latest| !holds(listed, latest)) {
            self.row(&mut rows, latest, &destination, module, true);
        }
        for (at, trace) in listed.iter().enumerate() {
            self.row(&mut rows, trace, &destination, module, at == 0);
        }
        let mut doubts = Vec::new();
        let claims = rows.newest_first(&mut doubts);
        let reached = newest(&claims).and_then(|claim| claim.code.status());
        let said = meaning::of_status(self.codes, &module.status);
        let said = said.and_then(|meaning| meaning.event.status());
        let delivered = [reached, said].map(|status| status == Some(Status::Delivered));
        if reached.is_some() && said.is_some() && delivered == [false, true] {
            doubts.push("the parcel is called delivered and its newest event is not".to_owned());
        }
        let mut numbers = facts::Numbers::of(&number);
        facts::of_page(&mut numbers, module);
        let estimate = match reached {
            Some(Status::Delivered | Status::Returned) => None,
            _ => clock::window(&module.global_eta_info).map(forecast),
        };
        let facts = Facts {
            origin: place::country(&module.origin_country).map(Box::new),
            destination: place::country(&module.dest_country).map(Box::new),
            identifiers: numbers.into_found(),
            estimates: estimate.into_iter().collect(),
            contacts: facts::contact(&module.dest_cp_info.url, &module.dest_cp_info.phone),
            doubts,
            ..Facts::default()
        };
        Entry {
            answer: Ok(report(number.clone(), &self.language, claims, facts)),
            number,
        }
    }

    fn row(
        &self,
        rows: &mut Rows,
        trace: &Trace<'_>,
        destination: &Country<'_>,
        module: &Module<'_>,
        is_newest: bool,
    ) {
        let code = meaning::normal(&trace.action_code);
        let text = first(&[&trace.desc, &trace.standerd_desc]);
        let said = Said {
            code: &code,
            node: &trace.group.node_code,
            text,
            ..Said::default()
        };
        let mut meaning = meaning::of(self.codes, said);
        if is_newest && code.is_empty() && meaning.0.event == EventCode::UNMAPPED {
            let status = meaning::of_status(self.codes, &module.status);
            if let Some(status) = status {
                meaning = (status, MappingBasis::AggregatedStatus);
            }
        }
        rows.add(Row {
            code: &trace.action_code,
            reason: "",
            text,
            meaning,
            time: clock::page(trace, &code, destination),
            location: place::bracketed(&trace.standerd_desc),
            carrier: "",
        });
    }
}

fn holds(listed: &[Trace<'_>], latest: &Trace<'_>) -> bool {
    listed.iter().any(|trace| {
        trace.time_str.trim() == latest.time_str.trim()
            && meaning::normal(&trace.action_code) == meaning::normal(&latest.action_code)
    })
}
