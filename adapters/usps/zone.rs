//! Time zones of states and ZIP codes of the United States.
//!
//! States with one zone by their name; of the others only the three-digit ZIP areas that lie
//! wholly in one zone. An area that a zone boundary crosses has none: a wrong hour is worse than
//! an unknown one.

/// The zone of a place; `None` if state and ZIP code do not tell.
pub(super) fn of(state: &str, zip: &str) -> Option<&'static str> {
    let at = STATES.binary_search_by_key(&state, |(name, _)| name).ok()?;
    if let Some(area) = area(zip) {
        let mut areas = AREAS.iter().filter(|(name, ..)| *name == state);
        if let Some((.., zone)) = areas.find(|(_, first, last, _)| (*first..=*last).contains(&area))
        {
            return *zone;
        }
    }
    STATES[at].1
}

/// Tells whether two letters are a state or territory.
pub(super) fn is_state(text: &str) -> bool {
    STATES.binary_search_by_key(&text, |(name, _)| name).is_ok()
}

/// First three digits of a ZIP code.
fn area(zip: &str) -> Option<u16> {
    let digits = zip.len() >= 5 && zip.bytes().take(5).all(|byte| byte.is_ascii_digit());
    digits.then(|| zip.get(..3)?.parse().ok())?
}

const EASTERN: Option<&str> = Some("America/New_York");
const CENTRAL: Option<&str> = Some("America/Chicago");
const MOUNTAIN: Option<&str> = Some("America/Denver");
const PACIFIC: Option<&str> = Some("America/Los_Angeles");

/// State and its zone, `None` if it has several; sorted.
const STATES: &[(&str, Option<&str>)] = &[
    ("AK", None),
    ("AL", CENTRAL),
    ("AR", CENTRAL),
    ("AS", Some("Pacific/Pago_Pago")),
    ("AZ", None),
    ("CA", PACIFIC),
    ("CO", MOUNTAIN),
    ("CT", EASTERN),
    ("DC", EASTERN),
    ("DE", EASTERN),
    ("FL", None),
    ("GA", EASTERN),
    ("GU", Some("Pacific/Guam")),
    ("HI", Some("Pacific/Honolulu")),
    ("IA", CENTRAL),
    ("ID", None),
    ("IL", CENTRAL),
    ("IN", None),
    ("KS", None),
    ("KY", None),
    ("LA", CENTRAL),
    ("MA", EASTERN),
    ("MD", EASTERN),
    ("ME", EASTERN),
    ("MI", None),
    ("MN", CENTRAL),
    ("MO", CENTRAL),
    ("MP", Some("Pacific/Saipan")),
    ("MS", CENTRAL),
    ("MT", MOUNTAIN),
    ("NC", EASTERN),
    ("ND", None),
    ("NE", None),
    ("NH", EASTERN),
    ("NJ", EASTERN),
    ("NM", MOUNTAIN),
    ("NV", None),
    ("NY", EASTERN),
    ("OH", EASTERN),
    ("OK", CENTRAL),
    ("OR", None),
    ("PA", EASTERN),
    ("PR", Some("America/Puerto_Rico")),
    ("RI", EASTERN),
    ("SC", EASTERN),
    ("SD", None),
    ("TN", None),
    ("TX", None),
    ("UT", MOUNTAIN),
    ("VA", EASTERN),
    ("VI", Some("America/St_Thomas")),
    ("VT", EASTERN),
    ("WA", PACIFIC),
    ("WI", CENTRAL),
    ("WV", EASTERN),
    ("WY", MOUNTAIN),
];

/// State, first and last ZIP area, zone.
const AREAS: &[(&str, u16, u16, Option<&str>)] = &[
    ("AK", 995, 995, None),
    ("AK", 996, 998, Some("America/Anchorage")),
    ("AZ", 850, 853, Some("America/Phoenix")),
    ("AZ", 855, 857, Some("America/Phoenix")),
    ("FL", 320, 323, EASTERN),
    ("FL", 325, 325, CENTRAL),
    ("FL", 326, 349, EASTERN),
    ("ID", 832, 834, Some("America/Boise")),
    ("ID", 836, 837, Some("America/Boise")),
    ("ID", 838, 838, PACIFIC),
    ("IN", 460, 462, Some("America/Indiana/Indianapolis")),
    ("IN", 463, 464, None),
    ("IN", 465, 468, Some("America/Indiana/Indianapolis")),
    ("IN", 472, 474, Some("America/Indiana/Indianapolis")),
    ("KS", 660, 676, CENTRAL),
    ("KY", 400, 418, EASTERN),
    ("KY", 420, 424, CENTRAL),
    ("MI", 480, 497, Some("America/Detroit")),
    ("ND", 580, 584, CENTRAL),
    ("NE", 680, 689, CENTRAL),
    ("NV", 889, 897, PACIFIC),
    ("OR", 970, 978, PACIFIC),
    ("SD", 570, 574, CENTRAL),
    ("SD", 577, 577, MOUNTAIN),
    ("TN", 370, 372, CENTRAL),
    ("TN", 374, 374, EASTERN),
    ("TN", 376, 379, EASTERN),
    ("TN", 380, 384, CENTRAL),
    ("TX", 733, 734, CENTRAL),
    ("TX", 750, 797, CENTRAL),
    ("TX", 885, 885, MOUNTAIN),
];
