//! The canonical JSON mapping of protobuf messages, by their descriptors.

use anyhow::Context as _;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// `message` as JSON on several lines. `name` is its name in package `slacktide.v1`; a wrong one is an error.
///
/// 64-bit integers are strings, as the mapping says. Fields with their default value are printed, so that
/// a script finds each key (`.progress.failed`, `.clusters[]`) whatever the value.
pub(super) fn of(name: &str, message: &impl Message) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&mapped(name, message)?)?)
}

/// The same on one line, for one message of many.
pub(super) fn line(name: &str, message: &impl Message) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&mapped(name, message)?)?)
}

/// The same as a value, to put it beside others.
pub(super) fn value(name: &str, message: &impl Message) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(mapped(name, message)?)?)
}

/// A message that serializes as the mapping says.
struct Mapped(DynamicMessage);

impl Serialize for Mapped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = SerializeOptions::new().skip_default_fields(false);
        self.0.serialize_with_options(serializer, &options)
    }
}

fn mapped(name: &str, message: &impl Message) -> anyhow::Result<Mapped> {
    let pool = DescriptorPool::decode(slacktide_api::FILE_DESCRIPTOR_SET)
        .context("could not read the API's descriptors")?;
    let descriptor = pool
        .get_message_by_name(&format!("slacktide.v1.{name}"))
        .with_context(|| format!("the API has no message {name}"))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .with_context(|| format!("could not map a {name} to JSON"))?;
    Ok(Mapped(dynamic))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use slacktide_api::v1::{Cluster, ClusterStatus, ListClustersResponse};

    use super::*;

    fn read(name: &str, message: &impl Message) -> Value {
        let read = serde_json::from_str(&of(name, message).unwrap()).unwrap();
        assert_eq!(value(name, message).unwrap(), read);
        read
    }

    #[test]
    fn a_resource_maps_as_protobuf_says_with_its_id_on_top() {
        let cluster = Cluster {
            id: 9_007_199_254_740_993,
            name: "ob_demo".to_owned(),
            ob_cluster_id: 22,
            status: ClusterStatus::Stopped.into(),
            create_time: Some("2026-11-23T08:00:00.25Z".parse().unwrap()),
            ..Cluster::default()
        };
        let json = read("Cluster", &cluster);
        assert_eq!(json["id"], "9007199254740993");
        assert_eq!(json["obClusterId"], "22");
        assert_eq!(json["status"], "CLUSTER_STATUS_STOPPED");
        assert_eq!(json["createTime"], "2026-11-23T08:00:00.250Z");
        assert_eq!(json["zones"], json!([]));
        assert_eq!(json.get("activeTaskId"), None, "absent stays absent");
    }

    #[test]
    fn an_empty_list_is_a_list() {
        let json = read("ListClustersResponse", &ListClustersResponse::default());
        assert_eq!(json["clusters"], json!([]));
        assert_eq!(json["totalSize"], "0");
    }
}
