//! The one message that is not generated: whoever tells many of the same changes encodes them once.

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut, Bytes, BytesMut},
    encoding::{DecodeContext, WireType, message, skip_field},
};

use crate::v1::TaskChange;

/// Number of the field `changes`.
const CHANGES: u32 = 1;

/// Changes of one task that follow each other.
///
/// On the wire it is what the proto file says. In memory it may be [encoded](Self::encoded) already; two such are
/// equal only if both are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskChanges {
    /// The changes, without gaps; after those that are encoded, if there are any.
    pub changes: Vec<TaskChange>,
    /// Whole fields, as they stand on the wire.
    encoded: Bytes,
}

impl TaskChanges {
    /// Encodes changes. Clones share the bytes, and are sent by copying them.
    pub fn encoded(changes: &[TaskChange]) -> Self {
        let length = message::encoded_len_repeated(CHANGES, changes);
        let mut encoded = BytesMut::with_capacity(length);
        message::encode_repeated(CHANGES, changes, &mut encoded);
        Self {
            changes: Vec::new(),
            encoded: encoded.freeze(),
        }
    }
}

impl From<Vec<TaskChange>> for TaskChanges {
    fn from(changes: Vec<TaskChange>) -> Self {
        Self {
            changes,
            encoded: Bytes::new(),
        }
    }
}

impl Message for TaskChanges {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.encoded);
        message::encode_repeated(CHANGES, &self.changes, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            CHANGES => message::merge_repeated(wire_type, &mut self.changes, buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        self.encoded.len() + message::encoded_len_repeated(CHANGES, &self.changes)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_already_reads_as_what_is_not() {
        let change = |revision| TaskChange {
            revision,
            ..TaskChange::default()
        };
        let changes: Vec<_> = (1..=300).map(change).collect();
        let listed = TaskChanges::from(changes.clone());
        let mut mixed = TaskChanges::encoded(&changes[..200]);
        mixed.changes = changes[200..].to_vec();
        for one in [&listed, &TaskChanges::encoded(&changes), &mixed] {
            let wire = one.encode_to_vec();
            assert_eq!(wire.len(), one.encoded_len());
            assert_eq!(TaskChanges::decode(&*wire), Ok(listed.clone()));
        }
    }
}
