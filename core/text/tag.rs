//! Which language a caller gets: the lookup of RFC 4647, section 3.4.

/// Tags to look for, best first, in lower case: the wanted one, then ever shorter ones.
///
/// Chinese has no default script in the tag, so the usual one of the region is put in: "zh-TW" is
/// written in traditional characters, and any other "zh" in simplified ones.
pub(super) fn candidates(wanted: &str) -> Vec<String> {
    let mut parts: Vec<String> = wanted
        .trim()
        .split(['-', '_'])
        .map(str::to_ascii_lowercase)
        .collect();
    let has_script = parts.get(1).is_some_and(|part| part.len() == 4);
    if parts[0] == "zh" && !has_script {
        let region = parts.get(1).map(String::as_str);
        let script = match region {
            Some("tw" | "hk" | "mo") => "hant",
            _ => "hans",
        };
        parts.insert(1, script.to_owned());
    }
    let mut all = Vec::new();
    while !parts.is_empty() {
        all.push(parts.join("-"));
        parts.pop();
        // A single letter announces what follows it and means nothing alone.
        if parts.last().is_some_and(|part| part.len() == 1) {
            parts.pop();
        }
    }
    all
}

/// The part of a tag that names the language alone.
pub(super) fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}
