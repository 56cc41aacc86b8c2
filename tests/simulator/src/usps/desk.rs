//! Owns the subscriptions: what one must hold, which stand in each other's way, how one is ended. Pushes
//! nothing. Knows no HTTP but its status codes.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

/// Listener addresses of one customer.
const LISTENERS: usize = 10;

#[derive(Default)]
pub(super) struct Desk {
    /// By id, with the version that an end must name.
    held: BTreeMap<String, (Value, u32)>,
    serial: u32,
}

impl Desk {
    /// Makes a subscription; an error says what is wrong with it.
    pub(super) fn make(&mut self, wish: Value) -> Result<Value, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fields = wish.as_object().ok_or("an object is required")?;
        let known = [
            "listenerURL",
            "secret",
            "adminNotification",
            "filterProperties",
        ];
        if fields.keys().any(|key| !known.contains(&key.as_str())) {
            return Err("OASValidation: unexpected member".to_owned());
        }
        let url = text(&wish["listenerURL"]);
        if !url.starts_with("https://") {
            return Err("listenerURL must be https".to_owned());
        }
        if text(&wish["secret"]).len() < 32 {
            return Err("secret must have 32 characters".to_owned());
        }
        let filter = &wish["filterProperties"];
        let (mid, number) = (text(&filter["MID"]), text(&filter["trackingNumber"]));
        if mid.is_empty() == number.is_empty() {
            return Err("filterProperties must have one of MID and trackingNumber".to_owned());
        }
        for kind in filter["trackingEventTypes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if !["ALL", "ALL_UPDATES"].contains(&kind.as_str().unwrap_or_default()) {
                return Err("trackingEventTypes: unknown value".to_owned());
            }
        }
        let same = |other: &Value| {
            let filter = &other["filterProperties"];
            text(&other["listenerURL"]) == url
                && text(&filter["MID"]) == mid
                && text(&filter["trackingNumber"]) == number
        };
        if let Some((id, _)) = self.held.iter().find(|(_, (other, _))| same(other)) {
            return Err(format!("Duplicate subscription, subscriptionId: {id}"));
        }
        let mut urls: Vec<String> = self
            .held
            .values()
            .map(|(other, _)| text(&other["listenerURL"]))
            .collect();
        urls.push(url);
        urls.sort();
        urls.dedup();
        if urls.len() > LISTENERS {
            return Err("no more than 10 listener URLs".to_owned());
        }
        self.serial += 1;
        let id = format!("51500000-0000-4000-8000-{:012x}", self.serial);
        let mut made = wish;
        made["subscriptionId"] = json!(id);
        made["status"] = json!("ENABLED");
        self.held.insert(id, (made.clone(), self.serial));
        Ok(made)
    }

    /// A subscription and its version tag.
    pub(super) fn get(&self, id: &str) -> Option<(Value, String)> {
        let (held, version) = self.held.get(id)?;
        Some((held.clone(), tag(*version)))
    }

    pub(super) fn of_mailer(&self, mid: &str) -> Vec<Value> {
        let all = self.held.values().map(|(held, _)| held);
        all.filter(|held| held["filterProperties"]["MID"] == mid)
            .cloned()
            .collect()
    }

    /// Ends a subscription if its version is named.
    pub(super) fn end(&mut self, id: &str, given: &str) -> StatusCode {
        match self.held.get(id) {
            None => StatusCode::NOT_FOUND,
            Some((_, version)) if given != tag(*version) => StatusCode::PRECONDITION_FAILED,
            Some(_) => {
                self.held.remove(id);
                StatusCode::NO_CONTENT
            }
        }
    }
}

fn tag(version: u32) -> String {
    format!("\"{version}\"")
}
