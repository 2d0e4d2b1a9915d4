//! Findings on the wire.

use slacktide_api::v1 as pb;
use slacktide_engine::finding::{Finding, FindingClass, FindingResult};

/// What a check found.
pub(in crate::grpc) fn finding(finding: Finding) -> pb::Finding {
    let class = match finding.class {
        FindingClass::Info => pb::FindingClass::Info,
        FindingClass::Warn => pb::FindingClass::Warn,
        FindingClass::Block => pb::FindingClass::Block,
    };
    let result = match finding.result {
        FindingResult::Clear => pb::FindingResult::Clear,
        FindingResult::Found => pb::FindingResult::Found,
        FindingResult::NotChecked => pb::FindingResult::NotChecked,
    };
    pb::Finding {
        check: finding.check,
        name: finding.name.to_owned(),
        class: class.into(),
        result: result.into(),
        text: finding.text,
    }
}
