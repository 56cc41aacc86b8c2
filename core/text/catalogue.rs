//! The messages of every language, read and checked once.
//!
//! **Invariant:** what a [`Catalogue`] was made from has been checked, so that putting a text
//! together cannot fail: every language has every message with every attribute, and no message
//! uses a variable that it is not given.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Message, Pattern, PatternElement};
use unic_langid::LanguageIdentifier;

use super::tag;

macro_rules! built_in {
    ($($language:literal),*) => {
        &[$(($language, &[
            include_str!(concat!($language, "/status.ftl")),
            include_str!(concat!($language, "/code.ftl")),
            include_str!(concat!($language, "/reason.ftl")),
            include_str!(concat!($language, "/exception.ftl")),
            include_str!(concat!($language, "/country.ftl")),
            include_str!(concat!($language, "/label.ftl")),
        ])),*]
    };
}

/// Sources of the built-in languages; the first is what a caller gets who asks for another one.
static BUILT_IN: &[(&str, &[&str; 6])] = built_in!("en", "de", "es", "fr", "zh-Hans");

/// A file of an operator: messages of one language.
pub struct File {
    /// Name for errors.
    pub name: String,
    /// BCP 47 tag of its language.
    pub tag: String,
    /// Fluent source.
    pub text: String,
}

/// The texts in every language.
pub struct Catalogue {
    default: Language,
    others: Vec<Language>,
}

/// The texts in one language.
pub struct Language {
    tag: String,
    layers: Vec<Arc<FluentResource>>,
    bundle: FluentBundle<Arc<FluentResource>>,
}

/// Variables by message and attribute; the value of a message is the attribute "".
pub(super) type Spec = BTreeMap<(String, String), BTreeSet<String>>;

impl Catalogue {
    /// Makes the catalogue of the built-in languages and of an operator's files over them.
    ///
    /// # Errors
    /// Names the file and the line: not Fluent, an unknown message, a message without one of its
    /// attributes, an unknown variable, or a new language that lacks a message.
    pub fn new(files: &[File]) -> Result<Self, String> {
        let mut languages = Vec::new();
        for (tag, sources) in BUILT_IN {
            let layers: Result<Vec<_>, String> = sources
                .iter()
                .map(|source| parse(tag, source).map(Arc::new))
                .collect();
            languages.push(Language::new((*tag).to_owned(), layers?)?);
        }
        let spec = spec_of(&languages[0].layers)?;
        // A language before its regional forms, which start from it.
        let mut files: Vec<&File> = files.iter().collect();
        files.sort_by_key(|file| (file.tag.len(), file.tag.clone()));
        for file in files {
            add(&mut languages, &spec, file)?;
        }
        let default = languages.remove(0);
        Ok(Self {
            default,
            others: languages,
        })
    }

    /// Every language, the default first.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// Finds the language for a BCP 47 tag by lookup (RFC 4647). If the language exists only with
    /// a script or region, that one is better than none; the default is English.
    pub fn find(&self, wanted: &str) -> &Language {
        let candidates = tag::candidates(wanted);
        let exact = candidates.iter().find_map(|candidate| {
            self.languages()
                .find(|one| one.tag.eq_ignore_ascii_case(candidate))
        });
        let related = || {
            let wanted = candidates.last()?;
            self.languages()
                .find(|one| tag::primary(&one.tag).eq_ignore_ascii_case(wanted))
        };
        exact.or_else(related).unwrap_or(&self.default)
    }
}

impl Language {
    fn new(tag: String, layers: Vec<Arc<FluentResource>>) -> Result<Self, String> {
        let id: LanguageIdentifier = tag
            .parse()
            .map_err(|_| format!("{tag:?} is not a language tag"))?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Isolating marks help where directions mix, and hurt where a text is read aloud.
        bundle.set_use_isolating(false);
        for layer in &layers {
            bundle.add_resource_overriding(Arc::clone(layer));
        }
        Ok(Self {
            tag,
            layers,
            bundle,
        })
    }

    /// BCP 47 tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Formats a message or, if `attribute` is not empty, its attribute. `None` if there is none.
    pub(super) fn format(
        &self,
        id: &str,
        attribute: &str,
        variables: &[(&'static str, FluentValue<'_>)],
    ) -> Option<String> {
        let (text, errors) = self.try_format(id, attribute, variables)?;
        debug_assert!(
            errors.is_empty(),
            "{}: {id}.{attribute}: {errors:?}",
            self.tag
        );
        Some(text)
    }

    /// As [`Self::format`], with what went wrong.
    pub(super) fn try_format(
        &self,
        id: &str,
        attribute: &str,
        variables: &[(&'static str, FluentValue<'_>)],
    ) -> Option<(String, Vec<String>)> {
        let message = self.bundle.get_message(id)?;
        let pattern = match attribute {
            "" => message.value()?,
            name => message.get_attribute(name)?.value(),
        };
        let mut arguments = FluentArgs::with_capacity(variables.len());
        for (name, value) in variables {
            arguments.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        let text: Cow<'_, str> = self
            .bundle
            .format_pattern(pattern, Some(&arguments), &mut errors);
        let errors = errors.iter().map(ToString::to_string).collect();
        Some((text.into_owned(), errors))
    }

    /// What the language has.
    #[cfg(test)]
    pub(super) fn spec(&self) -> Spec {
        spec_of(&self.layers).unwrap()
    }
}

/// Puts a file over its language, or makes a new one of it.
fn add(languages: &mut Vec<Language>, spec: &Spec, file: &File) -> Result<(), String> {
    let resource = Arc::new(parse(&file.name, &file.text)?);
    check(spec, file, &resource)?;
    let same = |language: &Language, tag: &str| language.tag.eq_ignore_ascii_case(tag);
    if let Some(at) = languages.iter().position(|one| same(one, &file.tag)) {
        let mut layers = languages[at].layers.clone();
        layers.push(resource);
        languages[at] = Language::new(languages[at].tag.clone(), layers)?;
        return Ok(());
    }
    let parent = tag::candidates(&file.tag)
        .into_iter()
        .find_map(|tag| languages.iter().find(|one| same(one, &tag)));
    let mut layers = match parent {
        Some(parent) => parent.layers.clone(),
        None => {
            let own = spec_of(std::slice::from_ref(&resource))?;
            let missing: Vec<&str> = spec
                .keys()
                .filter(|key| !is_optional(&key.0) && !own.contains_key(*key))
                .map(|key| key.0.as_str())
                .collect();
            if let Some(first) = missing.first() {
                return Err(format!(
                    "{}: a new language needs every message; `{first}` is missing, and with it {} in all",
                    file.name,
                    missing.len()
                ));
            }
            languages[0].layers.clone()
        }
    };
    layers.push(resource);
    let language = Language::new(file.tag.clone(), layers)
        .map_err(|error| format!("{}: {error}", file.name))?;
    languages.push(language);
    Ok(())
}

/// What a new language need not have: names of countries, and what only the command line says.
fn is_optional(id: &str) -> bool {
    id.starts_with("country-") || id.starts_with("label-")
}

fn parse(name: &str, source: &str) -> Result<FluentResource, String> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| match errors.first() {
        Some(error) => {
            let line = line_of(source, error.pos.start);
            format!("{name}: line {line}: {}", error.kind)
        }
        None => format!("{name}: is not Fluent"),
    })
}

/// Number of the line in which a byte lies.
fn line_of(source: &str, position: usize) -> usize {
    let before = source
        .as_bytes()
        .get(..position)
        .unwrap_or(source.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Checks an operator's messages against the built-in ones.
fn check(spec: &Spec, file: &File, resource: &FluentResource) -> Result<(), String> {
    for message in messages(resource) {
        let id = message.id.name;
        let wrong = |what: String| {
            let starts = |line: &str| {
                line.strip_prefix(id)
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            let line = file.text.lines().position(starts).map_or(0, |at| at + 1);
            Err(format!("{}: line {line}: `{id}` {what}", file.name))
        };
        let own = match parts(message) {
            Ok(own) => own,
            Err(what) => return wrong(what),
        };
        let known: BTreeMap<&str, &BTreeSet<String>> = spec
            .iter()
            .filter(|(key, _)| key.0 == id)
            .map(|(key, variables)| (key.1.as_str(), variables))
            .collect();
        if known.is_empty() || id.starts_with("label-") {
            return wrong("is not a message that is used".to_owned());
        }
        for attribute in known.keys() {
            if !own.contains_key(*attribute) {
                return wrong(match *attribute {
                    "" => "has no text of its own".to_owned(),
                    name => format!("lacks its attribute `.{name}`"),
                });
            }
        }
        for (attribute, variables) in &own {
            let Some(given) = known.get(attribute.as_str()) else {
                return wrong(format!("has no attribute `.{attribute}`"));
            };
            if let Some(unknown) = variables.iter().find(|name| !given.contains(*name)) {
                return wrong(format!("is not given `${unknown}`"));
            }
        }
    }
    Ok(())
}

fn messages(resource: &FluentResource) -> impl Iterator<Item = &Message<&str>> {
    resource.entries().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message),
        _ => None,
    })
}

fn spec_of(layers: &[Arc<FluentResource>]) -> Result<Spec, String> {
    let mut spec = Spec::new();
    for message in layers.iter().flat_map(|layer| messages(layer)) {
        let id = message.id.name;
        let parts = parts(message).map_err(|what| format!("`{id}` {what}"))?;
        for (attribute, variables) in parts {
            spec.insert((id.to_owned(), attribute), variables);
        }
    }
    Ok(spec)
}

/// Variables of a message's value and attributes.
fn parts(message: &Message<&str>) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let value = message.value.iter().map(|pattern| ("", pattern));
    let attributes = message
        .attributes
        .iter()
        .map(|attribute| (attribute.id.name, &attribute.value));
    let mut parts = BTreeMap::new();
    for (name, pattern) in value.chain(attributes) {
        let mut variables = BTreeSet::new();
        walk(pattern, &mut variables)?;
        parts.insert(name.to_owned(), variables);
    }
    Ok(parts)
}

/// Collects the variables of a pattern. What refers to something else could fail when it is used,
/// and is refused.
fn walk(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) -> Result<(), String> {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            walk_expression(expression, variables)?;
        }
    }
    Ok(())
}

fn walk_expression(
    expression: &Expression<&str>,
    variables: &mut BTreeSet<String>,
) -> Result<(), String> {
    let inline = match expression {
        Expression::Inline(inline) => inline,
        Expression::Select { selector, variants } => {
            for variant in variants {
                walk(&variant.value, variables)?;
            }
            selector
        }
    };
    match inline {
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => Ok(()),
        InlineExpression::VariableReference { id } => {
            variables.insert(id.name.to_owned());
            Ok(())
        }
        InlineExpression::Placeable { expression } => walk_expression(expression, variables),
        InlineExpression::FunctionReference { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => Err(
            "refers to another message, a term or a function; only variables can be used"
                .to_owned(),
        ),
    }
}
