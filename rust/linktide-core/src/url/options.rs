//! Levels and options of the policy: what a caller may ask for beside the default.

use std::fmt;

use super::percent::normalized_name;

/// How much of the policy is applied. Each level does what the one before it does, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// The WHATWG `href`, of any scheme.
    Whatwg,
    /// RFC 3986 normalisation that no server can tell from the text as written, but for what it drops:
    /// user name, fragment, empty pairs. A URL that is not http(s) stays as at [`Self::Whatwg`].
    Safe,
    /// The identity of the index: http(s) only, without session ids and tracking parameters.
    #[default]
    Index,
    /// The form behind the cluster key, written as a URL: one for spellings that most likely are one page.
    Cluster,
}

impl Level {
    /// Every level, the weakest first.
    pub const ALL: [Self; 4] = [Self::Whatwg, Self::Safe, Self::Index, Self::Cluster];

    /// The name callers give.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whatwg => "whatwg",
            Self::Safe => "safe",
            Self::Index => "index",
            Self::Cluster => "cluster",
        }
    }

    /// The level of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// The scheme given to a text that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssumedScheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl AssumedScheme {
    /// The name callers give.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| scheme.name() == name)
    }
}

/// The output limit of the default (P26).
pub const MAX_OUTPUT_BYTES: usize = 8_192;
/// The greatest output limit that can be asked for: what the longest input can grow to.
pub const GREATEST_OUTPUT_BYTES: usize = 256 * 1024;

/// What a caller asks for. The default is level *index* with every option off.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct UrlOptions {
    /// How much of the policy is applied.
    pub level: Level,
    /// Take ftp URLs as http(s) ones are taken (P2).
    pub ftp: bool,
    /// Read a text without a scheme and without a base as beginning with a host (P3).
    pub assume_scheme: Option<AssumedScheme>,
    /// Keep a fragment that begins with `!` (P11).
    pub keep_hashbang: bool,
    /// Keep a fragment that begins with `/` (P11).
    pub keep_hashroute: bool,
    /// Refuse a longer output (P26).
    pub max_output_bytes: usize,
    /// Refuse hosts that are private addresses or local names (P24).
    pub reject_private: bool,
    /// Put the target in the place of a known redirect page (P23).
    pub unwrap_redirects: bool,
    /// Put the target in the place of a known AMP cache or viewer page (P23).
    pub unwrap_amp: bool,
    /// Further tracking parameters (P14).
    pub extra_tracking: ExtraNames,
}

impl Default for UrlOptions {
    fn default() -> Self {
        Self {
            level: Level::Index,
            ftp: false,
            assume_scheme: None,
            keep_hashbang: false,
            keep_hashroute: false,
            max_output_bytes: MAX_OUTPUT_BYTES,
            reject_private: false,
            unwrap_redirects: false,
            unwrap_amp: false,
            extra_tracking: ExtraNames::default(),
        }
    }
}

/// An option that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// A name of a further tracking parameter.
    #[error("extra_tracking: {name:?} is no parameter name; wanted a name, or its beginning and one `*`")]
    BadName {
        /// As given.
        name: String,
    },
    /// The output limit.
    #[error("max_output_bytes: {given} is out of range; wanted 1 to {GREATEST_OUTPUT_BYTES}")]
    BadLimit {
        /// As given.
        given: usize,
    },
}

/// One setting, as the vectors of the table and the docs show it: `Display` writes a keyword argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// [`UrlOptions::level`]
    Level(Level),
    /// [`UrlOptions::ftp`]
    Ftp,
    /// [`UrlOptions::assume_scheme`]
    AssumeScheme(AssumedScheme),
    /// [`UrlOptions::keep_hashbang`]
    KeepHashbang,
    /// [`UrlOptions::keep_hashroute`]
    KeepHashroute,
    /// [`UrlOptions::max_output_bytes`]
    MaxOutputBytes(usize),
    /// [`UrlOptions::reject_private`]
    RejectPrivate,
    /// [`UrlOptions::unwrap_redirects`]
    UnwrapRedirects,
    /// [`UrlOptions::unwrap_amp`]
    UnwrapAmp,
    /// One name of [`UrlOptions::extra_tracking`]
    ExtraTracking(&'static str),
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(formatter, "level=\"{}\"", level.name()),
            Self::Ftp => formatter.write_str("ftp=True"),
            Self::AssumeScheme(scheme) => write!(formatter, "assume_scheme=\"{}\"", scheme.name()),
            Self::KeepHashbang => formatter.write_str("keep_hashbang=True"),
            Self::KeepHashroute => formatter.write_str("keep_hashroute=True"),
            Self::MaxOutputBytes(bytes) => write!(formatter, "max_output_bytes={bytes}"),
            Self::RejectPrivate => formatter.write_str("reject_private=True"),
            Self::UnwrapRedirects => formatter.write_str("unwrap_redirects=True"),
            Self::UnwrapAmp => formatter.write_str("unwrap_amp=True"),
            Self::ExtraTracking(name) => write!(formatter, "extra_tracking=[\"{name}\"]"),
        }
    }
}

impl UrlOptions {
    /// The default with these settings.
    ///
    /// # Errors
    /// [`OptionError`] for a setting that cannot be.
    pub fn with(settings: &[Setting]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for setting in settings {
            match *setting {
                Setting::Level(level) => options.level = level,
                Setting::Ftp => options.ftp = true,
                Setting::AssumeScheme(scheme) => options.assume_scheme = Some(scheme),
                Setting::KeepHashbang => options.keep_hashbang = true,
                Setting::KeepHashroute => options.keep_hashroute = true,
                Setting::MaxOutputBytes(bytes) => options.max_output_bytes = bytes,
                Setting::RejectPrivate => options.reject_private = true,
                Setting::UnwrapRedirects => options.unwrap_redirects = true,
                Setting::UnwrapAmp => options.unwrap_amp = true,
                Setting::ExtraTracking(name) => options.extra_tracking = ExtraNames::parse([name])?,
            }
        }
        options.check()?;
        Ok(options)
    }

    /// Tell an option that cannot be.
    ///
    /// # Errors
    /// [`OptionError::BadLimit`].
    pub const fn check(&self) -> Result<(), OptionError> {
        match self.max_output_bytes {
            1..=GREATEST_OUTPUT_BYTES => Ok(()),
            given => Err(OptionError::BadLimit { given }),
        }
    }

    /// Whether the finished row of a URL is not what the pass wrote, or needs another look.
    pub(super) fn needs_more_than_the_pass(&self) -> bool {
        self.level != Level::Index
            || self.ftp
            || self.keep_hashbang
            || self.keep_hashroute
            || self.reject_private
            || self.unwrap_redirects
            || self.unwrap_amp
    }
}

/// Names of query parameters to drop beside those of the table: whole names, or beginnings. Compared as
/// the table's are: after percent normalisation, in any ASCII case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraNames {
    names: Box<[(Vec<u8>, bool)]>,
}

impl ExtraNames {
    /// Read `name` or `beginning*` texts.
    ///
    /// # Errors
    /// [`OptionError::BadName`] for an empty name, a lone `*`, one elsewhere than at the end, or a text
    /// that cannot be a name in a query (`&`, `=`, `#`).
    pub fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, OptionError> {
        let names = names.into_iter().map(|given| {
            let (name, is_prefix) = given.strip_suffix('*').map_or((given, false), |name| (name, true));
            if name.is_empty() || name.contains(['*', '&', '=', '#']) {
                return Err(OptionError::BadName { name: given.to_owned() });
            }
            Ok((normalized_name(name.as_bytes()), is_prefix))
        });
        Ok(Self { names: names.collect::<Result<_, _>>()? })
    }

    fn holds(&self, name: &[u8]) -> bool {
        self.names.iter().any(|(known, is_prefix)| {
            let head = if *is_prefix { name.get(..known.len()) } else { Some(name) };
            head.is_some_and(|head| head.eq_ignore_ascii_case(known))
        })
    }
}

/// What the pass must know of level and options. Only its rare branches look at it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Rules {
    /// Drop session ids and tracking parameters (P12, P13, P14).
    pub drops_marks: bool,
    /// Take `ftp://` too (P2).
    pub ftp: bool,
    /// Some fragments stay (P11); which, [`Self::keeps_fragment`] tells.
    pub keeps_fragments: bool,
    keep_hashbang: bool,
    keep_hashroute: bool,
    extra: ExtraNames,
}

impl Rules {
    /// The rules of `options` at `level`.
    pub(super) fn of(options: &UrlOptions, level: Level) -> Self {
        Self {
            drops_marks: level >= Level::Index,
            ftp: options.ftp,
            keeps_fragments: options.keep_hashbang || options.keep_hashroute,
            keep_hashbang: options.keep_hashbang,
            keep_hashroute: options.keep_hashroute,
            extra: options.extra_tracking.clone(),
        }
    }

    /// Whether a fragment that begins with `first` stays.
    pub(super) fn keeps_fragment(&self, first: Option<&u8>) -> bool {
        match first {
            Some(b'!') => self.keep_hashbang,
            Some(b'/') => self.keep_hashroute,
            _ => false,
        }
    }

    /// Whether the user named any parameter.
    pub(super) const fn has_extra_names(&self) -> bool {
        !self.extra.names.is_empty()
    }

    /// Whether the user named this parameter, as normalised, as a tracking one.
    pub(super) fn drops_also(&self, name: &[u8]) -> bool {
        self.drops_marks && self.extra.holds(name)
    }
}

#[cfg(test)]
impl Default for Rules {
    fn default() -> Self {
        Self::of(&UrlOptions::default(), Level::Index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_names_are_whole_or_beginnings_in_any_case_and_spelling() {
        let names = ExtraNames::parse(["ref", "My%5Fx*", "é[]"]).unwrap();
        for name in ["ref", "REF", "my_x", "MY_Xyz", "%C3%A9%5B%5D"] {
            assert!(names.holds(name.as_bytes()), "{name}");
        }
        for name in ["", "refs", "re", "my_", "%C3%A9"] {
            assert!(!names.holds(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for name in ["", "*", "a*b", "a=b", "a&b", "a**", "#"] {
            let refused = ExtraNames::parse([name]).unwrap_err();
            assert_eq!(refused, OptionError::BadName { name: name.to_owned() });
        }
        for given in [0, GREATEST_OUTPUT_BYTES + 1] {
            let refused = UrlOptions::with(&[Setting::MaxOutputBytes(given)]).unwrap_err();
            assert_eq!(refused, OptionError::BadLimit { given });
        }
    }

    #[test]
    fn names_of_levels_are_read_back() {
        for level in Level::ALL {
            assert_eq!(Level::from_name(level.name()), Some(level));
        }
        assert_eq!(Level::from_name("Index"), None);
        assert!(Level::ALL.is_sorted());
    }
}
