//! The texts that this gateway speaks: the built-in ones, the operator's over them, and the names
//! of carriers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waybill_core::adapter::Descriptor;
use waybill_core::exception::NextAction;
use waybill_core::number;
use waybill_core::registry::Registry;
use waybill_core::text::{Catalogue, File, Language};

/// `[texts]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Folder of `<language>.ftl` files that go over the built-in texts or add languages; empty:
    /// none.
    pub folder: PathBuf,
}

/// Languages and names.
pub struct Texts {
    catalogue: Catalogue,
    names: BTreeMap<String, String>,
    /// Public pages of carriers, by carrier id.
    pages: BTreeMap<&'static str, Pages>,
}

/// Pages on which actions can be taken.
type Pages = &'static [(NextAction, &'static str)];

/// One language of [`Texts`], and the names.
#[derive(Clone, Copy)]
pub struct Voice<'a> {
    /// The language.
    pub language: &'a Language,
    names: &'a BTreeMap<String, String>,
    pages: &'a BTreeMap<&'static str, Pages>,
}

impl Texts {
    /// Reads the operator's folder, if there is one. Names of carriers are those of their own
    /// source, or those of the table of number formats, or those of a source of
    /// one of their divisions.
    ///
    /// # Errors
    /// Names the file and the line that is wrong.
    pub fn load(folder: &Path, registry: Registry) -> Result<Self, String> {
        let files = if folder.as_os_str().is_empty() {
            Vec::new()
        } else {
            read(folder).map_err(|error| format!("texts.folder: {error}"))?
        };
        let catalogue = Catalogue::new(&files).map_err(|error| format!("texts.folder: {error}"))?;
        // Best last: a source of one division, the table of formats, the carrier's own source.
        let own = |source: &&Descriptor| source.id == source.carrier;
        let named =
            |source: &Descriptor| (source.carrier.to_owned(), source.display_name.to_owned());
        let formats = number::formats().map(|format| (format.carrier.clone(), format.name.clone()));
        let mut names: BTreeMap<String, String> = registry.iter().map(named).collect();
        names.extend(formats);
        names.extend(registry.iter().filter(own).map(named));
        names.remove("");
        let pages = registry.iter().filter(own);
        let pages = pages.map(|source| (source.carrier, source.pages)).collect();
        Ok(Self {
            catalogue,
            names,
            pages,
        })
    }

    /// The language for a BCP 47 tag; English if there is none.
    pub fn voice(&self, wanted: &str) -> Voice<'_> {
        Voice {
            language: self.catalogue.find(wanted),
            names: &self.names,
            pages: &self.pages,
        }
    }
}

impl<'a> Voice<'a> {
    /// Name of a carrier; empty if it has none.
    pub fn carrier(&self, id: &str) -> &'a str {
        self.names.get(id).map_or("", String::as_str)
    }

    /// Public page on which an action can be taken at a carrier.
    pub fn page(&self, carrier: &str, action: NextAction) -> Option<&'static str> {
        let pages = self.pages.get(carrier)?;
        let page = pages.iter().find(|(own, _)| *own == action);
        page.map(|(_, url)| *url)
    }
}

/// Every `<language>.ftl` of a folder.
fn read(folder: &Path) -> Result<Vec<File>, String> {
    let at =
        |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|error| at(folder, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| at(folder, error))?.path();
        if path.extension().is_none_or(|extension| extension != "ftl") {
            continue;
        }
        let tag = path.file_stem().and_then(|stem| stem.to_str());
        let text = std::fs::read_to_string(&path).map_err(|error| at(&path, error))?;
        files.push(File {
            name: path.display().to_string(),
            tag: tag.unwrap_or_default().to_owned(),
            text,
        });
    }
    Ok(files)
}
