//! The server's errors in Chinese. Its own messages are English; these say the same by its reason or code.

use http::StatusCode;

/// Sentences for one error, the fullest first. `{name}` stands for what an error knows under that name; the
/// last sentence of all needs nothing but what every error has.
pub(super) type Sentences = &'static [&'static str];

/// The sentences for an error: by the server's reason, else by OCP's code, else by the HTTP status.
pub(super) fn sentences(reason: &str, code: i64, status: StatusCode) -> Sentences {
    by_reason(reason)
        .or_else(|| by_code(code))
        .unwrap_or_else(|| by_status(status))
}

/// The first of the sentences that can be filled.
pub(super) fn fill(sentences: Sentences, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = sentences
        .iter()
        .filter_map(|sentence| filled(sentence, &value));
    filled.next().unwrap_or_default()
}

fn filled(sentence: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(&value(name)?);
        rest = tail;
    }
    text.push_str(rest);
    Some(text)
}

fn by_reason(reason: &str) -> Option<Sentences> {
    let sentences: Sentences = match reason {
        "NOT_SIGNED_IN" => &["尚未登录：请在请求头 `Authorization` 中提供凭据"],
        "MALFORMED_CREDENTIALS" => &["无法识别登录凭据，请检查请求头 `Authorization`"],
        "WRONG_CREDENTIALS" => &["用户名或密码错误"],
        "PERMISSION_DENIED" => &[
            "缺少权限 {permission}，请联系管理员授权",
            "缺少执行此操作的权限，请联系管理员授权",
        ],
        "INVALID_ARGUMENT" => &["请求参数无效：{message}"],
        "UNSORTABLE_FIELD" => &["无法按指定的字段排序"],
        "CLUSTER_NOT_FOUND" => &["ID 为 {resourceName} 的集群不存在", "指定的集群不存在"],
        "ZONE_NOT_FOUND" => &["Zone {resourceName} 不存在", "指定的 Zone 不存在"],
        "SERVER_NOT_FOUND" => &[
            "ID 为 {resourceName} 的 Server 不存在",
            "指定的 Server 不存在",
        ],
        "TASK_NOT_FOUND" => &["任务 {resourceName} 不存在", "指定的任务不存在"],
        "SUBTASK_NOT_FOUND" => &["子任务 {resourceName} 不存在", "指定的子任务不存在"],
        "OPERATION_UNFINISHED" => &[
            "集群被任务 {activeTaskId} 占用，该任务成功后才能继续；若已失败，请先重试、跳过或回滚",
            "集群上一次的运维任务尚未结束",
        ],
        "CLUSTER_STATUS" => &[
            "集群 {id} 处于 [{status}] 状态，不支持此操作",
            "集群的当前状态不支持此操作",
        ],
        "ZONE_STATUS" => &[
            "Zone {zoneName} 处于 [{status}] 状态，不支持此操作",
            "Zone 的当前状态不支持此操作",
        ],
        "SERVER_STATUS" => &[
            "Server {serverId} 处于 [{status}] 状态，不支持此操作",
            "Server 的当前状态不支持此操作",
        ],
        "ONLY_SERVER" => &[
            "Server {serverId} 是集群 {id} 中唯一的 Server，请改为停止集群",
            "集群中只有一个 Server，请改为停止集群",
        ],
        "TASK_STATE" => &[
            "任务 {taskId} 处于 [{status}/{operation}] 状态，不支持此操作",
            "任务的当前状态不支持此操作",
        ],
        "SUBTASK_STATE" => &[
            "子任务 {subtaskId} 处于 [{status}] 状态，不支持此操作",
            "子任务的当前状态不支持此操作",
        ],
        "REQUEST_ID_REUSED" => &["该 `Idempotency-Key` 已用于另一个请求，请更换"],
        "CONTENDED" => &["处理请求时发生冲突，请重试"],
        "DRAINING" => &["服务端正在停止，请稍后重试"],
        "DATABASE_UNAVAILABLE" => &["数据库暂不可用，请稍后重试"],
        _ => return None,
    };
    Some(sentences)
}

fn by_code(code: i64) -> Option<Sentences> {
    let sentences: Sentences = match code {
        1001 => &["请求参数 {fields} 为空或无效", "请求参数为空或无效"],
        1002 => &["记录不存在"],
        1003 => &["请求无效：{message}"],
        1004 => &["处理请求超时"],
        1005 => &["请求发生冲突：{message}"],
        1008 => &["不支持该请求方法"],
        1011 => &["无法按指定的字段排序"],
        1998 => &["该功能尚未实现"],
        3000 => &["尚未登录，或登录失败"],
        3001 => &["账号已被禁用"],
        3002 => &["账号已过期"],
        3003 => &["账号已被锁定，请联系管理员解锁"],
        3004 | 3006 => &["用户名或密码错误"],
        3007 => &["登录失败次数过多，请稍后重试"],
        3014 => &["该 IP 地址不允许访问"],
        3100 => &["缺少执行此操作的权限，请联系管理员授权"],
        3101 => &["权限表达式为空"],
        3102 => &["权限表达式无效"],
        4001 => &["任务 {taskInstanceId} 不存在", "指定的任务不存在"],
        4004 => &["任务的上下文有误"],
        4007 => &["任务的当前状态不支持此操作"],
        4009 => &["任务 {taskInstanceId} 不允许回滚", "该任务不允许回滚"],
        4010 => &[
            "子任务 {subtaskInstanceId} 不允许跳过",
            "该子任务不允许跳过",
        ],
        10018 => &["访问密钥的数量超过上限"],
        11001 => &["ID 为 {id} 的集群不存在", "指定的集群不存在"],
        11002 => &["指定名称的集群不存在"],
        11003 => &["不支持此类型的集群"],
        11007 => &[
            "集群 {id} 的当前状态不支持此操作",
            "集群的当前状态不支持此操作",
        ],
        11008 => &["集群只有在特定状态下才支持此操作"],
        11015 => &["集群存在备集群，不支持此操作"],
        11020 => &["集群上一次的运维任务尚未结束"],
        11028 => &["无法连接 OceanBase 集群"],
        11070 => &["停止该 Zone 会使租户失去多数派"],
        12002 => &["Zone {zoneName} 不存在", "指定的 Zone 不存在"],
        12004 | 12005 => &["Zone 的当前状态不支持此操作"],
        12006 => &["停止 Zone 失败"],
        12008 => &["Zone 上一次的运维任务尚未结束"],
        13001 => &["ID 为 {serverId} 的 Server 不存在", "指定的 Server 不存在"],
        13003 | 13004 => &["Server 的当前状态不支持此操作"],
        13005 => &["Server 的进程尚未退出"],
        13012 => &["Server 上一次的运维任务尚未结束"],
        19020 => &["集群中只有一个 Server，请改为停止集群"],
        _ => return None,
    };
    Some(sentences)
}

fn by_status(status: StatusCode) -> Sentences {
    match status {
        StatusCode::BAD_REQUEST => &["请求无效：{message}"],
        StatusCode::NOT_FOUND => &["请求的对象不存在：{message}"],
        StatusCode::CONFLICT => &["请求与当前状态冲突：{message}"],
        StatusCode::TOO_MANY_REQUESTS => &["请求过于频繁，请稍后重试"],
        StatusCode::SERVICE_UNAVAILABLE => &["服务暂不可用，请稍后重试"],
        StatusCode::GATEWAY_TIMEOUT => &["服务端未及时响应"],
        _ => &["请求失败：{message}"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: &str = "OPERATION_UNFINISHED";

    #[test]
    fn the_fullest_sentence_that_can_be_filled_is_told() {
        let busy = sentences(BUSY, 11020, StatusCode::CONFLICT);
        let told = fill(busy, |name| {
            (name == "activeTaskId").then(|| "7".to_owned())
        });
        assert!(told.starts_with("集群被任务 7 占用"), "{told}");
        assert_eq!(fill(busy, |_| None), "集群上一次的运维任务尚未结束");
    }

    #[test]
    fn a_reason_of_a_later_server_is_told_by_its_code_and_a_code_by_its_status() {
        let of = |reason, code| sentences(reason, code, StatusCode::CONFLICT);
        assert_eq!(of("LATER", 11020), ["集群上一次的运维任务尚未结束"]);
        assert_eq!(of("LATER", 99999), ["请求与当前状态冲突：{message}"]);
    }

    /// Whatever an error knows of, something is told.
    #[test]
    fn the_last_sentence_needs_nothing_but_the_message() {
        let reasons = [
            "NOT_SIGNED_IN",
            "MALFORMED_CREDENTIALS",
            "WRONG_CREDENTIALS",
            "PERMISSION_DENIED",
            "INVALID_ARGUMENT",
            "UNSORTABLE_FIELD",
            "CLUSTER_NOT_FOUND",
            "ZONE_NOT_FOUND",
            "SERVER_NOT_FOUND",
            "TASK_NOT_FOUND",
            "SUBTASK_NOT_FOUND",
            BUSY,
            "CLUSTER_STATUS",
            "ZONE_STATUS",
            "SERVER_STATUS",
            "ONLY_SERVER",
            "TASK_STATE",
            "SUBTASK_STATE",
            "REQUEST_ID_REUSED",
            "CONTENDED",
            "DRAINING",
            "DATABASE_UNAVAILABLE",
        ];
        let of_reasons = reasons.map(|reason| by_reason(reason).unwrap());
        let of_codes = (0..20_000).filter_map(by_code);
        let of_statuses = (400..600).map(|status| by_status(StatusCode::from_u16(status).unwrap()));
        for sentences in of_reasons.into_iter().chain(of_codes).chain(of_statuses) {
            let told = fill(sentences, |name| {
                (name == "message").then(|| "m".to_owned())
            });
            assert!(!told.is_empty(), "{sentences:?}");
        }
    }
}
