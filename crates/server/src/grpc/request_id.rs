//! Idempotency keys as callers send them.

use prost::Message;
use sha2::{Digest as _, Sha256};
use slacktide_store::Key;

use crate::{app::Violations, auth::Caller};

/// The longest key.
const MAX: usize = 128;

/// A request that a caller may send under an idempotency key.
pub(super) trait Keyed: Message {
    /// Name of the RPC: the key's scope.
    const RPC: &'static str;

    /// The field with the key.
    fn request_id(&mut self) -> &mut String;
}

macro_rules! keyed {
    ($($request:ident = $rpc:literal;)*) => {$(
        impl Keyed for slacktide_api::v1::$request {
            const RPC: &'static str = $rpc;

            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }
        }
    )*};
}

keyed! {
    RegisterClusterRequest = "RegisterCluster";
    UpdateClusterRequest = "UpdateCluster";
    UnregisterClusterRequest = "UnregisterCluster";
    StopClusterRequest = "StopCluster";
    StartClusterRequest = "StartCluster";
    RestartClusterRequest = "RestartCluster";
    StopZoneRequest = "StopZone";
    StartZoneRequest = "StartZone";
    RestartZoneRequest = "RestartZone";
    StopServerRequest = "StopServer";
    StartServerRequest = "StartServer";
    RestartServerRequest = "RestartServer";
    RetryTaskRequest = "RetryTask";
    RollbackTaskRequest = "RollbackTask";
    CancelTaskRequest = "CancelTask";
    RetrySubtaskRequest = "RetrySubtask";
    SkipSubtaskRequest = "SkipSubtask";
    CancelSubtaskRequest = "CancelSubtask";
    CreateUserRequest = "CreateUser";
    DeleteUserRequest = "DeleteUser";
    CreateRoleRequest = "CreateRole";
    DeleteRoleRequest = "DeleteRole";
}

/// Takes the idempotency key out of a request; none if it is empty. The key stands for what is left.
pub(super) fn take<R: Keyed>(
    request: &mut R,
    caller: &Caller,
    violations: &mut Violations,
) -> Option<Key> {
    let request_id = std::mem::take(request.request_id());
    if request_id.is_empty() {
        return None;
    }
    let printable = request_id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if request_id.len() > MAX || !printable {
        let rule = format!("must be at most {MAX} printable ASCII characters");
        violations.add("request_id", rule);
    }
    let digest = Sha256::digest(request.encode_to_vec());
    Some(Key {
        user: caller.id,
        rpc: R::RPC,
        request_id,
        request_hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}
