//! A task's context as text, the way OCP's legacy task answers print it.

use std::{
    collections::HashMap,
    fmt::{self, Display},
};

use slacktide_api::v1::{StringList, TaskContext};

/// `Context(parallelIdx=-1, stringMap={k=v, …}, listMap={k=[a, b], …})`, the keys in the order in which a
/// Java `HashMap` iterates over them: clients compare the text.
pub(crate) fn render(context: &TaskContext) -> String {
    format!(
        "Context(parallelIdx={}, stringMap={{{}}}, listMap={{{}}})",
        context.parallel_idx,
        Entries(&context.string_map),
        Entries(&context.list_map),
    )
}

struct Entries<'a, V>(&'a HashMap<String, V>);

impl<V: ContextValue> Display for Entries<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, value)) in java_order(self.0).into_iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{key}=")?;
            value.print(f)?;
        }
        Ok(())
    }
}

trait ContextValue {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl ContextValue for String {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl ContextValue for StringList {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.values.join(", "))
    }
}

/// The entries as a Java `HashMap` iterates over them that was filled in the keys' order: by bucket, and
/// within a bucket as filled. (A Java map turns a bucket of more than eight keys into a tree; the few keys
/// of a context never get there.)
fn java_order<V>(map: &HashMap<String, V>) -> Vec<(&str, &V)> {
    let buckets = bucket_count(map.len());
    let mut entries: Vec<_> = map.iter().map(|(key, value)| (&**key, value)).collect();
    entries.sort_unstable_by_key(|(key, _)| (bucket(key, buckets), *key));
    entries
}

/// A table begins with 16 buckets and doubles when it is more than three quarters full.
fn bucket_count(entries: usize) -> usize {
    let mut buckets = 16;
    while entries > buckets / 4 * 3 {
        buckets *= 2;
    }
    buckets
}

fn bucket(key: &str, buckets: usize) -> usize {
    let hash = string_hash(key);
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}

/// Java's `String.hashCode`: over UTF-16 units, modulo 2^32.
fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order<const N: usize>(keys: [&str; N]) -> Vec<String> {
        let map: HashMap<String, ()> = keys.map(|key| (key.to_owned(), ())).into();
        java_order(&map)
            .into_iter()
            .map(|(key, ())| key.to_owned())
            .collect()
    }

    #[test]
    fn the_hash_is_javas() {
        // Known results of Java's own.
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("hello"), 99_162_322);
        assert_eq!(string_hash("Aa"), string_hash("BB"));
        assert_eq!(string_hash("😀"), 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn documented_contexts_come_in_the_documented_order() {
        assert_eq!(
            order(["cluster_id", "cluster_name", "former_cluster_status"]),
            ["cluster_name", "cluster_id", "former_cluster_status"]
        );
        assert_eq!(
            order(["zone_names", "server_ids"]),
            ["server_ids", "zone_names"]
        );
        assert_eq!(
            order(["ocpagent_service_name", "cluster_id", "cluster_name"]),
            ["cluster_name", "cluster_id", "ocpagent_service_name"]
        );
        assert_eq!(
            order(["host_ids", "server_ids", "zone_names"]),
            ["server_ids", "host_ids", "zone_names"]
        );
    }

    #[test]
    fn keys_of_one_bucket_keep_their_order() {
        assert_eq!(order(["BB", "Aa"]), ["Aa", "BB"]);
    }

    #[test]
    fn the_table_grows_at_three_quarters() {
        assert_eq!(bucket_count(0), 16);
        assert_eq!(bucket_count(12), 16);
        assert_eq!(bucket_count(13), 32);
        assert_eq!(bucket_count(24), 32);
        assert_eq!(bucket_count(25), 64);
    }

    #[test]
    fn an_empty_context_keeps_its_braces() {
        let context = TaskContext {
            parallel_idx: 3,
            ..TaskContext::default()
        };
        assert_eq!(
            render(&context),
            "Context(parallelIdx=3, stringMap={}, listMap={})"
        );
    }
}
