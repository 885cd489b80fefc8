//! Which hosts have another registrable domain under another public suffix list.

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};

use super::input::texts;
use super::rows::{rows, u64s};
use crate::error::CoreError;
use crate::url::{PublicSuffixList, key};

/// Of the hosts with the domains that a database gives them, those to which `list` gives another one.
///
/// `hosts` has the text columns `authority` (host, and `:port` if a URL carries one, as normalised URLs have
/// them) and `domain_name`. The rows returned add `domain_key`, `new_domain_name` and `new_domain_key`, keys
/// under the database's seed. An address never moves.
///
/// # Errors
/// A column is missing or holds no text.
pub fn moved_hosts(
    list: &PublicSuffixList,
    seed: u64,
    hosts: &RecordBatch,
) -> Result<RecordBatch, CoreError> {
    let (authorities, domains) = (texts(hosts, "authority")?, texts(hosts, "domain_name")?);
    let moved: Vec<(&str, &str, &str)> = (0..hosts.num_rows())
        .filter_map(|row| {
            let (authority, domain) = (authorities.get(row)?, domains.get(row)?);
            let new_domain = list.registrable_domain(host_of(authority)?);
            (new_domain != domain).then_some((authority, domain, new_domain))
        })
        .collect();
    let column = |of: for<'m> fn(&(&'m str, &'m str, &'m str)) -> &'m str| {
        Arc::new(StringArray::from_iter_values(moved.iter().map(of)))
    };
    let keys = |of: for<'m> fn(&(&'m str, &'m str, &'m str)) -> &'m str| {
        u64s(moved.iter().map(|row| key(seed, of(row).as_bytes())))
    };
    rows(
        "moved_hosts",
        vec![
            ("authority", column(|row| row.0)),
            ("domain_name", column(|row| row.1)),
            ("domain_key", keys(|row| row.1)),
            ("new_domain_name", column(|row| row.2)),
            ("new_domain_key", keys(|row| row.2)),
        ],
    )
}

/// The host of an authority; none for an IPv6 address, whose domain is itself under any list.
fn host_of(authority: &str) -> Option<&str> {
    if authority.starts_with('[') { None } else { authority.split(':').next() }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt64Type;

    use super::*;

    const SEED: u64 = 7;

    fn moved(rules: &str, hosts: &[(&str, &str)]) -> Vec<(String, String)> {
        let list = PublicSuffixList::parse(rules).unwrap();
        let column = |values: Vec<&str>| Arc::new(StringArray::from(values)) as _;
        let batch = RecordBatch::try_from_iter([
            ("authority", column(hosts.iter().map(|host| host.0).collect())),
            ("domain_name", column(hosts.iter().map(|host| host.1).collect())),
        ]);
        let found = moved_hosts(&list, SEED, &batch.unwrap()).unwrap();
        let names = |name: &str| found.column_by_name(name).unwrap().as_string::<i32>();
        let keys = |name: &str| found.column_by_name(name).unwrap().as_primitive::<UInt64Type>();
        for row in 0..found.num_rows() {
            for (name, hashed) in [("domain_name", "domain_key"), ("new_domain_name", "new_domain_key")] {
                assert_eq!(keys(hashed).value(row), key(SEED, names(name).value(row).as_bytes()));
            }
        }
        let pairs = names("authority").iter().zip(names("new_domain_name"));
        pairs.map(|(host, domain)| (host.unwrap().to_owned(), domain.unwrap().to_owned())).collect()
    }

    #[test]
    fn hosts_under_a_new_rule_move_and_no_others() {
        let hosts = [
            ("a.blog.com", "blog.com"),
            ("x.a.blog.com:8080", "blog.com"),
            ("blog.com", "blog.com"),
            ("other.com", "other.com"),
            ("10.0.0.1:81", "10.0.0.1"),
            ("[::1]:81", "[::1]"),
            ("localhost:3000", "localhost"),
        ];
        let wanted = [("a.blog.com", "a.blog.com"), ("x.a.blog.com:8080", "a.blog.com")];
        let wanted = wanted.map(|(host, domain)| (host.to_owned(), domain.to_owned()));
        assert_eq!(moved("com\nblog.com\n", &hosts), wanted);
        assert_eq!(moved("com\n", &hosts), []);
    }

    #[test]
    fn a_column_that_is_missing_is_named() {
        let list = PublicSuffixList::parse("com\n").unwrap();
        let none = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
        assert!(moved_hosts(&list, SEED, &none).unwrap_err().to_string().contains("authority"));
    }
}
