//! What a session may set and show. Nothing set here reaches the engine but the statement timeout.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Refusal;

/// The version that is told: clients choose their catalogue queries by it.
pub(crate) const SERVER_VERSION: &str = "15.0";
const MOST_SET: usize = 200;
const MOST_VALUE: usize = 4_096;

/// Settings with a value at the start; those that only one value fits are not here but in `FIXED`.
const FREE: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_min_messages", "notice"),
    ("default_transaction_isolation", "read committed"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("intervalstyle", "postgres"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("search_path", "\"$user\", public, own"),
    ("session_authorization", ""),
    ("statement_timeout", "0"),
];

/// Settings of PostgreSQL that clients set, and that mean nothing here.
const MEANINGLESS: &[&str] = &[
    "check_function_bodies",
    "default_with_oids",
    "enable_seqscan",
    "geqo",
    "jit",
    "row_security",
    "session_replication_role",
    "ssl_renegotiation_limit",
    "synchronous_commit",
    "tcp_keepalives_idle",
    "temp_buffers",
    "work_mem",
    "xmloption",
];

/// Settings that have one value here, and which others mean the same.
const FIXED: &[(&str, &str, &[&str])] = &[
    ("client_encoding", "UTF8", &["utf8", "utf-8", "unicode", "'utf8'"]),
    ("datestyle", "ISO, MDY", &["iso", "iso, mdy", "iso,mdy", "iso, dmy", "iso, ymd"]),
    ("default_transaction_read_only", "on", &["on", "true", "1"]),
    ("in_hot_standby", "off", &["off"]),
    ("integer_datetimes", "on", &["on"]),
    ("is_superuser", "off", &["off"]),
    ("server_encoding", "UTF8", &["utf8"]),
    ("server_version", SERVER_VERSION, &[]),
    ("server_version_num", "150000", &[]),
    ("standard_conforming_strings", "on", &["on", "true", "1"]),
    ("timezone", "UTC", &["utc", "gmt", "etc/utc", "etc/gmt", "zulu", "z", "0", "+0", "+00", "+00:00"]),
    ("transaction_isolation", "read committed", &["read committed", "read uncommitted"]),
    ("transaction_read_only", "on", &["on", "true", "1"]),
];

/// The settings of one session.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    set: BTreeMap<String, String>,
}

impl Settings {
    /// Set one; `default` gives the value it began with.
    ///
    /// # Errors
    /// [`Refusal`] for a name nobody knows, and if the value would change what this endpoint always does.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if value.eq_ignore_ascii_case("default") {
            self.set.remove(name);
            return Ok(());
        }
        if let Some((_, only, same)) = FIXED.iter().find(|(fixed, _, _)| *fixed == name) {
            let is_same =
                value.eq_ignore_ascii_case(only) || same.iter().any(|one| one.eq_ignore_ascii_case(value));
            return if is_same { Ok(()) } else { Err(fixed_value(name, value, only)) };
        }
        let is_free = FREE.iter().any(|(free, _)| *free == name);
        if !is_free && !MEANINGLESS.contains(&name) && !name.contains('.') {
            return Err(unknown(name));
        }
        if name == "statement_timeout" {
            milliseconds(value)?;
        }
        if value.len() > MOST_VALUE || (self.set.len() >= MOST_SET && !self.set.contains_key(name)) {
            return Err(Refusal::new("54000", "a session may hold 200 settings of 4,096 bytes each"));
        }
        self.set.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Forget one or all.
    ///
    /// # Errors
    /// [`Refusal`] for a name nobody knows.
    pub(crate) fn reset(&mut self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) => {
                let is_set = self.set.remove(name).is_some();
                if !is_set && !MEANINGLESS.contains(&name) {
                    self.show(name)?;
                }
            }
            None => self.set.clear(),
        }
        Ok(())
    }

    /// Return a value.
    ///
    /// # Errors
    /// [`Refusal`] for a name nobody knows.
    pub(crate) fn show(&self, name: &str) -> Result<String, Refusal> {
        let fixed = FIXED.iter().find(|(fixed, _, _)| *fixed == name).map(|(_, value, _)| *value);
        let free = FREE.iter().find(|(free, _)| *free == name).map(|(_, value)| *value);
        let found = self.set.get(name).map(String::as_str).or(fixed).or(free);
        found.map(str::to_owned).ok_or_else(|| unknown(name))
    }

    /// Return all, by name; those that mean nothing here only if they were set.
    pub(crate) fn all(&self) -> BTreeMap<&str, &str> {
        let fixed = FIXED.iter().map(|(name, value, _)| (*name, *value));
        let set = self.set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        FREE.iter().copied().chain(fixed).chain(set).collect()
    }

    /// The client's own limit; none for 0.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let set = self.set.get("statement_timeout")?;
        milliseconds(set).ok().filter(|count| *count > 0).map(Duration::from_millis)
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new("42704", format!("unrecognized configuration parameter \"{name}\""))
}

fn fixed_value(name: &str, value: &str, only: &str) -> Refusal {
    Refusal::new("22023", format!("{name} is always {only} here; it cannot be set to {value}"))
}

fn milliseconds(value: &str) -> Result<u64, Refusal> {
    let value = value.trim();
    let digits = value.find(|one: char| !one.is_ascii_digit()).unwrap_or(value.len());
    let (count, unit) = value.split_at_checked(digits).unwrap_or((value, ""));
    let factor = match unit.trim() {
        "" | "ms" => Some(1),
        "s" => Some(1_000),
        "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let product = count.parse::<u64>().ok().zip(factor).and_then(|(count, factor)| count.checked_mul(factor));
    let wanted = || {
        Refusal::new(
            "22023",
            format!("statement_timeout is {value}; wanted milliseconds, or a number with ms, s, min or h"),
        )
    };
    product.ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_shown_until_it_is_reset() {
        let mut settings = Settings::default();
        settings.set("application_name", "Grafana").unwrap();
        assert_eq!(settings.show("application_name").unwrap(), "Grafana");
        settings.reset(Some("application_name")).unwrap();
        assert_eq!(settings.reset(Some("memory_limit")).unwrap_err().code, "42704");
        assert_eq!(settings.show("application_name").unwrap(), "");
        settings.set("my.own", "1").unwrap();
        assert_eq!(settings.show("my.own").unwrap(), "1");
        assert_eq!(settings.show("no_such").unwrap_err().code, "42704");
        assert_eq!(settings.set("memory_limit", "1TB").unwrap_err().code, "42704");
    }

    #[test]
    fn all_shows_what_each_is_shown_as() {
        let mut settings = Settings::default();
        settings.set("application_name", "Grafana").unwrap();
        settings.set("my.own", "1").unwrap();
        let all = settings.all();
        assert_eq!(all.len(), FREE.len() + FIXED.len() + 1);
        for (name, value) in all {
            assert_eq!(settings.show(name).unwrap(), value);
        }
    }

    #[test]
    fn what_never_changes_cannot_be_set_otherwise() {
        let mut settings = Settings::default();
        settings.set("client_encoding", "utf8").unwrap();
        assert_eq!(settings.set("client_encoding", "LATIN1").unwrap_err().code, "22023");
        assert_eq!(settings.set("timezone", "Europe/Berlin").unwrap_err().code, "22023");
        assert_eq!(settings.show("timezone").unwrap(), "UTC");
    }

    #[test]
    fn timeouts_have_units() {
        let mut settings = Settings::default();
        assert_eq!(settings.timeout(), None);
        for (value, seconds) in [("1500", 1.5), ("2s", 2.0), ("1 min", 60.0)] {
            settings.set("statement_timeout", value).unwrap();
            assert_eq!(settings.timeout(), Some(Duration::from_secs_f64(seconds)));
        }
        assert_eq!(settings.set("statement_timeout", "soon").unwrap_err().code, "22023");
        settings.set("statement_timeout", "0").unwrap();
        assert_eq!(settings.timeout(), None);
    }
}
