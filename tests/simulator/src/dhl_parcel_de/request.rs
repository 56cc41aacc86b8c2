//! Reads what a client asks: one `data` element that says everything in attributes. Knows no parcel.

/// Attributes of a request.
pub(super) struct Request(Vec<(String, String)>);

impl Request {
    /// Reads `<?xml …?><data a="…" b="…"/>`; `None` if it is anything else.
    pub(super) fn read(xml: &str) -> Option<Self> {
        let xml = xml.trim();
        let rest = match xml.strip_prefix("<?xml") {
            Some(rest) => rest.split_once("?>")?.1.trim_start(),
            None => xml,
        };
        let rest = rest.strip_prefix("<data")?;
        let rest = rest.strip_suffix("></data>").or(rest.strip_suffix("/>"))?;
        let mut attributes = Vec::new();
        let mut rest = rest.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = after.get(1..)?.split_once(quote)?;
            if value.contains('<') {
                return None;
            }
            attributes.push((name.trim().to_owned(), unescape(value)));
            rest = after.trim_start();
        }
        Some(Self(attributes))
    }

    /// An attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The numbers asked for.
    pub(super) fn numbers(&self) -> Vec<String> {
        let codes = self.get("piece-code").unwrap_or_default().split(';');
        let codes = codes.map(|code| code.trim().to_owned());
        codes.filter(|code| !code.is_empty()).collect()
    }
}

fn unescape(text: &str) -> String {
    let quoted = text.replace("&quot;", "\"").replace("&apos;", "'");
    quoted
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Tells whether a number is a sound identcode (12 digits) or a sound SSCC (20 digits).
pub(super) fn is_sound(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let Some((check, payload)) = digits.split_last() else {
        return false;
    };
    digits.len() == number.len()
        && match digits.len() {
            12 => *check == identcode(payload),
            20 => *check == sscc(payload),
            _ => false,
        }
}

/// Check digit of a Deutsche Post identcode: weights 4 and 9 from the left.
pub(super) fn identcode(payload: &[u32]) -> u32 {
    let weights = [4, 9].into_iter().cycle();
    let sum: u32 = payload.iter().zip(weights).map(|(d, w)| d * w).sum();
    (10 - sum % 10) % 10
}

/// Check digit of GS1: weights 3 and 1 from the right.
fn sscc(payload: &[u32]) -> u32 {
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = payload.iter().rev().zip(weights).map(|(d, w)| d * w).sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_entities() {
        let request = Request::read(
            "<?xml version=\"1.0\"?> <data appname='a' password=\"&lt;&amp;lt;&quot;\" piece-code=\"1;;2\"></data>",
        )
        .unwrap();
        assert_eq!(request.get("password"), Some("<&lt;\""));
        assert_eq!(request.numbers(), ["1", "2"]);
        for text in [
            "",
            "<data",
            "<data a=b/>",
            "<p a=\"1\"/>",
            "<data a=\"<\"/>",
        ] {
            assert!(Request::read(text).is_none(), "{text}");
        }
        assert!(is_sound("218025809066") && is_sound("00340434161094022115"));
        assert!(!is_sound("218025809065") && !is_sound("00340434161094022116"));
        assert!(!is_sound("1") && !is_sound("") && !is_sound("21802580906A"));
    }
}
