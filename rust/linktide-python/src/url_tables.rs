//! The tables of the URL policy, for docs and for people.

use linktide_core::url::{
    Expected, PARAMETERS, POLICY, ParameterKind, ParameterMatch, Source, UrlFlags, UrlReason, Vector,
    WRAPPERS, WrapperHost, WrapperKind, WrapperTarget,
};
use pyo3::prelude::*;

/// Add the functions of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(url_rules, module)?)?;
    module.add_function(wrap_pyfunction!(url_parameters, module)?)?;
    module.add_function(wrap_pyfunction!(url_wrappers, module)?)?;
    module.add_function(wrap_pyfunction!(url_flags, module)?)?;
    module.add_function(wrap_pyfunction!(url_reasons, module)?)
}

/// (input, base, settings, kind, expected) of a vector.
type VectorRow = (&'static str, Option<&'static str>, Vec<String>, &'static str, String);
/// (id, level, options, when, what, vectors) of a rule.
type RuleRow = (&'static str, &'static str, Vec<&'static str>, &'static str, &'static str, Vec<VectorRow>);

/// Every rule.
#[pyfunction]
fn url_rules() -> Vec<RuleRow> {
    let row = |row: &linktide_core::url::PolicyRow| {
        let vectors = row.vectors.iter().map(vector).collect();
        (row.id, row.level.name(), row.options.to_vec(), row.when, row.what, vectors)
    };
    POLICY.iter().map(row).collect()
}

fn vector(vector: &Vector) -> VectorRow {
    let (kind, expected) = match vector.expected {
        Expected::Url(url) => ("url", url.to_owned()),
        Expected::Reason(reason) => ("reason", reason.name().to_owned()),
        Expected::Domain(domain) => ("domain", domain.to_owned()),
        Expected::Flags(flags) => ("flags", flags.names().collect::<Vec<_>>().join(" ")),
        Expected::SameCluster(url) => ("same_cluster", url.to_owned()),
        Expected::OtherCluster(url) => ("other_cluster", url.to_owned()),
    };
    (vector.input, vector.base, vector.settings.iter().map(ToString::to_string).collect(), kind, expected)
}

/// (name, match, kind, maker, how the page was found, page) of every dropped parameter.
#[pyfunction]
fn url_parameters() -> Vec<[&'static str; 6]> {
    let row = |row: &linktide_core::url::Parameter| {
        let compare = match row.compare {
            ParameterMatch::Exact => "name",
            ParameterMatch::Prefix => "beginning",
            ParameterMatch::ExactWithHashValue => "name, value of 32 hex digits",
            ParameterMatch::ExactWithPartner => "name, beside its partner",
        };
        let kind = match row.kind {
            ParameterKind::Session => "session",
            ParameterKind::Tracking => "tracking",
        };
        let (found, link) = match row.source {
            Source::Read(link) => ("read", link),
            Source::Cited(link) => ("cited", link),
            Source::Home(link) => ("home", link),
        };
        [row.name, compare, kind, row.maker, found, link]
    };
    PARAMETERS.iter().map(row).collect()
}

/// (maker, option, host, path, where the target stands) of every page that is unwrapped.
#[pyfunction]
fn url_wrappers() -> Vec<(&'static str, &'static str, String, &'static str, String)> {
    let row = |row: &linktide_core::url::Wrapper| {
        let option = match row.kind {
            WrapperKind::Redirect => "unwrap_redirects",
            WrapperKind::Amp => "unwrap_amp",
        };
        let host = match row.host {
            WrapperHost::Is(host) => host.to_owned(),
            WrapperHost::Below(host) => format!("*.{host}"),
            WrapperHost::Google => "www.google.*".to_owned(),
        };
        let target = match row.target {
            WrapperTarget::Parameter(names) => names.join(" or "),
            WrapperTarget::PathRest => "the rest of the path".to_owned(),
        };
        (row.maker, option, host, row.path, target)
    };
    WRAPPERS.iter().map(row).collect()
}

/// (name, bits, meaning) of every flag.
#[pyfunction]
fn url_flags() -> Vec<(&'static str, u32, &'static str)> {
    UrlFlags::ALL.into_iter().map(|(flag, name, meaning)| (name, flag.bits(), meaning)).collect()
}

/// (name, code, rule, meaning) of every reason.
#[pyfunction]
fn url_reasons() -> Vec<(&'static str, u8, &'static str, String)> {
    UrlReason::ALL.into_iter().map(|one| (one.name(), one.code(), one.rule(), one.to_string())).collect()
}
