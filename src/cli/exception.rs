//! `waybill exception`: the exceptions of a shipment at a running gateway, and steps about them.

use std::process::ExitCode;

use clap::Args;
use waybill::v1;

use super::client::{connect, failed};
use super::out::say;
use super::people::{Printer, Reader};
use super::{Remote, View, json, print};

#[derive(Args)]
#[command(
    override_usage = "waybill exception [OPTIONS] <NUMBER> [ID] [STEP]",
    after_help = "Steps:\n  \
        acknowledge   say that somebody has seen it\n  \
        assign WHO    give it to somebody; \"\" takes it from everybody\n  \
        comment TEXT  add a note\n  \
        resolve       close it by hand\n  \
        reopen        open it again\n\
        Without a step the exceptions are listed. Without an ID it is the one that is open."
)]
pub(super) struct Options {
    /// The number, as printed or typed.
    number: String,
    /// Id of the exception, and what to do.
    #[arg(hide = true)]
    words: Vec<String>,
    /// Note that goes with the step.
    #[arg(long, default_value = "")]
    note: String,
    /// Who takes the step.
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "")]
    actor: String,
    #[command(flatten)]
    reader: Reader,
    #[command(flatten)]
    remote: Remote,
}

/// What the words after the number say.
#[derive(Debug, Default, PartialEq)]
struct Order {
    id: Option<String>,
    activity: v1::ExceptionActivity,
    /// Who or what, for steps that need it.
    object: String,
}

/// Reads the words after the number.
fn read(words: &[String]) -> Result<Order, String> {
    use v1::ExceptionActivity as Activity;
    let activity = |word: &str| match word {
        "acknowledge" => Some((Activity::Acknowledge, false)),
        "assign" => Some((Activity::Assign, true)),
        "comment" => Some((Activity::Comment, true)),
        "resolve" => Some((Activity::Resolve, false)),
        "reopen" => Some((Activity::Reopen, false)),
        _ => None,
    };
    let (id, step) = match words {
        [first, ..] if activity(first).is_some() => (None, words),
        [first, rest @ ..] => (Some(first.clone()), rest),
        [] => (None, words),
    };
    let Some((word, rest)) = step.split_first() else {
        return Ok(Order {
            id,
            ..Order::default()
        });
    };
    let steps = "acknowledge, assign, comment, resolve or reopen";
    let known = activity(word).ok_or_else(|| format!("{word} is not a step: {steps}"))?;
    match (known, rest) {
        ((activity, true), [object]) => Ok(Order {
            id,
            activity,
            object: object.clone(),
        }),
        ((activity, false), []) => Ok(Order {
            id,
            activity,
            object: String::new(),
        }),
        ((_, true), _) => Err(format!("{word} needs exactly one word or text after it")),
        ((_, false), _) => Err(format!("nothing comes after {word}")),
    }
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let order = read(&options.words)?;
    let printer = Printer::new(options.reader)?;
    let mut client = connect(&options.remote).await?;
    let request = v1::TrackRequest {
        tracking_number: options.number,
        view: View::Standard.number(),
        language: printer.language().to_owned(),
        ..Default::default()
    };
    let tracked = match client.track(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(failed(&status)),
    };
    if order.activity == v1::ExceptionActivity::Unspecified {
        return list(&tracked, order.id.as_deref(), options.remote.json);
    }
    let (record, exception) = choose(&tracked, order.id.as_deref())?;
    let mut request = v1::UpdateExceptionRequest {
        shipment_id: record.id.clone(),
        exception_id: exception.id.clone(),
        activity: order.activity as i32,
        comment: options.note,
        language: printer.language().to_owned(),
        actor: options.actor,
        ..Default::default()
    };
    match order.activity {
        v1::ExceptionActivity::Comment => request.comment = order.object,
        _ => request.assignee = order.object,
    }
    match client.update_exception(request).await {
        Ok(response) if options.remote.json => {
            json::line("UpdateExceptionResponse", response.get_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(response) => {
            let response = response.into_inner();
            if let Some(exception) = &response.exception {
                show(exception, response.overlay.as_ref());
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(status) => Ok(failed(&status)),
    }
}

/// The exception with an id, or the only one that the record has open.
fn choose<'a>(
    tracked: &'a v1::TrackResponse,
    id: Option<&str>,
) -> Result<(&'a v1::Shipment, &'a v1::ShipmentException), String> {
    let shipments = tracked.shipments.iter();
    let all = shipments.flat_map(|record| record.exceptions.iter().map(move |one| (record, one)));
    let fits = |one: &v1::ShipmentException| match id {
        Some(id) => one.id == id,
        None => one.close_time.is_none(),
    };
    let mut fitting = all.filter(|(_, one)| fits(one));
    match (fitting.next(), fitting.next(), id) {
        (Some(found), None, _) => Ok(found),
        (None, _, Some(_)) => Err("the shipment has no exception with this id".to_owned()),
        (None, _, None) => Err("no exception is open".to_owned()),
        (Some(_), Some(_), _) => {
            Err("several exceptions are open: name one by its id, which the list has".to_owned())
        }
    }
}

fn list(tracked: &v1::TrackResponse, id: Option<&str>, as_json: bool) -> Result<ExitCode, String> {
    if as_json {
        json::line("TrackResponse", tracked)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut count = 0;
    for record in &tracked.shipments {
        let overlay = tracked.overlays.iter();
        let overlay = overlay.into_iter().find(|one| one.shipment_id == record.id);
        let wanted = |one: &&v1::ShipmentException| id.is_none_or(|id| one.id == id);
        for exception in record.exceptions.iter().filter(wanted) {
            count += 1;
            show(exception, overlay);
        }
    }
    if count == 0 {
        say!("no exceptions");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an exception and what was done about it.
fn show(exception: &v1::ShipmentException, overlay: Option<&v1::TenantOverlay>) {
    let handling = overlay.and_then(|one| print::handling(one, &exception.id));
    let time = |time: &Option<prost_types::Timestamp>| {
        time.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let by_hand = handling.is_some_and(|one| one.resolve_time.is_some());
    let state = match (&exception.close_time, by_hand) {
        (Some(_), _) => "closed",
        (None, true) => "closed by hand",
        (None, false) => "open",
    };
    say!("{}  {state}  {}", exception.id, print::exception(exception));
    let Some(handling) = handling else {
        return;
    };
    if !handling.assignee.is_empty() {
        say!("  assigned to {}", handling.assignee);
    }
    for step in &handling.history {
        let what = print::words(step.activity().as_str_name(), "EXCEPTION_ACTIVITY_");
        let by = match step.actor.as_str() {
            "" => "the gateway",
            actor => actor,
        };
        let assignee = match (step.activity(), step.assignee.as_str()) {
            (v1::ExceptionActivity::Assign, "") => " to nobody".to_owned(),
            (v1::ExceptionActivity::Assign, who) => format!(" to {who}"),
            _ => String::new(),
        };
        let comment = match step.comment.as_str() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        say!("  {}  {what}{assignee} by {by}{comment}", time(&step.time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&str]) -> Result<Order, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read(&words)
    }

    #[test]
    fn words_are_an_id_a_step_and_what_belongs_to_it() {
        use v1::ExceptionActivity as Activity;
        assert_eq!(order(&[]).unwrap(), Order::default());
        let only_id = order(&["0abc"]).unwrap();
        assert_eq!(only_id.id.as_deref(), Some("0abc"));
        assert_eq!(only_id.activity, Activity::Unspecified);
        let resolve = order(&["resolve"]).unwrap();
        assert_eq!((resolve.id, resolve.activity), (None, Activity::Resolve));
        let assign = order(&["0abc", "assign", "Team A"]).unwrap();
        assert_eq!(assign.id.as_deref(), Some("0abc"));
        assert_eq!(assign.object, "Team A");
        for wrong in [
            &["assign"][..],
            &["resolve", "now"],
            &["0abc", "settle"],
            &["comment", "a", "b"],
        ] {
            assert!(order(wrong).is_err(), "{wrong:?}");
        }
    }
}
