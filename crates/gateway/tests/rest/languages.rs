//! Error messages by `Accept-Language`, over a socket.

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{scripted::Script, socket::Socket};

const STOP: &str = "POST /api/v2/ob/clusters/21/stop";
const ZONE: &str = "POST /api/v2/ob/clusters/21/zones/zone1/stop";
const SERVER: &str = "POST /api/v2/ob/clusters/21/servers/5/stop";
const SKIP: &str = "POST /api/v2/tasks/instances/7/subtasks/70/skip";
const TASK: &str = "GET /api/v2/tasks/instances/7";

/// What the server says.
fn fault(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let details = ErrorDetails::with_error_info(
        reason,
        "slacktide",
        metadata.collect::<std::collections::HashMap<_, _>>(),
    );
    Status::with_error_details(code, "in English", details)
}

fn named(mut status: Status, kind: &str, name: &str) -> Status {
    let mut details = status.get_error_details();
    details.set_resource_info(kind, name, "", "");
    status = Status::with_error_details(status.code(), status.message(), details);
    status
}

async fn error(line: &str, fault: Status, language: &str) -> (u16, Value) {
    let socket = Socket::open(Script {
        fault: Some(fault),
        ..Script::default()
    })
    .await;
    let answer = socket
        .send(line, &[("accept-language", language)], "")
        .await;
    (answer.status.as_u16(), answer.error())
}

#[tokio::test]
async fn the_servers_errors_are_told_in_chinese_with_all_that_is_known() {
    let unmet = Code::FailedPrecondition;
    let cluster = "slacktide.v1.Cluster";
    let cases = [
        (
            STOP,
            fault(
                unmet,
                "CLUSTER_STATUS",
                &[("ocp_code", "11007"), ("status", "STOPPED")],
            ),
            409,
            11007,
            "集群 21 处于 [STOPPED] 状态，不支持此操作",
        ),
        (
            STOP,
            fault(
                unmet,
                "OPERATION_UNFINISHED",
                &[("ocp_code", "11020"), ("active_task_id", "9")],
            ),
            409,
            11020,
            "集群被任务 9 占用，该任务成功后才能继续；若已失败，请先重试、跳过或回滚",
        ),
        (
            STOP,
            named(
                fault(
                    Code::NotFound,
                    "CLUSTER_NOT_FOUND",
                    &[("ocp_code", "11001")],
                ),
                cluster,
                "21",
            ),
            404,
            11001,
            "ID 为 21 的集群不存在",
        ),
        (
            STOP,
            fault(
                Code::PermissionDenied,
                "PERMISSION_DENIED",
                &[("ocp_code", "3100"), ("permission", "CLUSTER:21:UPDATE")],
            ),
            403,
            3100,
            "缺少权限 CLUSTER:21:UPDATE，请联系管理员授权",
        ),
        (
            STOP,
            fault(
                Code::Unauthenticated,
                "WRONG_CREDENTIALS",
                &[("ocp_code", "3000")],
            ),
            401,
            3000,
            "用户名或密码错误",
        ),
        (
            STOP,
            fault(Code::ResourceExhausted, "THROTTLED", &[]),
            429,
            0,
            "请求过于频繁，请稍后重试",
        ),
        (
            STOP,
            fault(Code::Unavailable, "DRAINING", &[]),
            503,
            0,
            "服务端正在停止，请稍后重试",
        ),
        (
            STOP,
            fault(Code::InvalidArgument, "LATER", &[]),
            400,
            0,
            "请求无效：in English",
        ),
        (
            STOP,
            fault(Code::PermissionDenied, "LATER", &[("ocp_code", "3003")]),
            403,
            3003,
            "账号已被锁定，请联系管理员解锁",
        ),
        (
            ZONE,
            fault(
                unmet,
                "ZONE_STATUS",
                &[("ocp_code", "12004"), ("status", "STOPPED")],
            ),
            409,
            12004,
            "Zone zone1 处于 [STOPPED] 状态，不支持此操作",
        ),
        (
            SERVER,
            fault(unmet, "ONLY_SERVER", &[("ocp_code", "19020")]),
            409,
            19020,
            "Server 5 是集群 21 中唯一的 Server，请改为停止集群",
        ),
        (
            SKIP,
            fault(
                unmet,
                "SUBTASK_STATE",
                &[
                    ("ocp_code", "4007"),
                    ("subtask_id", "70"),
                    ("status", "RUNNING"),
                ],
            ),
            400,
            4007,
            "子任务 70 处于 [RUNNING] 状态，不支持此操作",
        ),
        (
            TASK,
            fault(Code::NotFound, "TASK_NOT_FOUND", &[("ocp_code", "4001")]),
            404,
            4001,
            "指定的任务不存在",
        ),
        (
            TASK,
            fault(Code::Internal, "INTERNAL", &[]),
            500,
            1999,
            "请求因未知原因失败，请将 traceId 提供给管理员",
        ),
    ];
    for (line, fault, status, code, message) in cases {
        let english = error(line, fault.clone(), "en-US").await;
        let (got, told) = error(line, fault, "zh-CN,zh;q=0.9,en;q=0.8").await;
        assert_eq!(
            (got, &told["message"]),
            (status, &json!(message)),
            "{message}"
        );
        assert_eq!(told["code"], code, "{message}");
        // Only the words differ.
        assert_eq!(
            (english.0, &english.1["code"], &english.1["target"]),
            (got, &told["code"], &told["target"])
        );
        assert_ne!(english.1["message"], told["message"]);
    }
}

#[tokio::test]
async fn the_gateways_own_errors_are_told_in_either_language() {
    let socket = Socket::open(Script::default()).await;
    let json = ("content-type", "application/json");
    let cases = [
        (
            "GET /api/v2/nowhere",
            json,
            "",
            404,
            "没有路径为 /api/v2/nowhere 的接口",
            "there is no call with the path /api/v2/nowhere",
        ),
        (
            "DELETE /api/v2/info",
            json,
            "",
            405,
            "该路径不支持 DELETE 方法，支持的方法见响应头 `Allow`",
            "this path does not take the method DELETE; the header `Allow` names those that it takes",
        ),
        (
            STOP,
            ("content-type", "text/plain"),
            "{}",
            415,
            "请求体须为 UTF-8 编码的 JSON：请发送 `Content-Type: application/json`",
            "request body must be JSON in UTF-8: send `Content-Type: application/json`",
        ),
        (
            "GET /api/v2/ob/clusters/abc",
            json,
            "",
            400,
            "参数 id 的值 abc 无法转换为 Long 类型",
            "parameter id of value abc cannot be converted to type Long",
        ),
        (
            "GET /api/v2/ob/clusters?sort=x",
            json,
            "",
            400,
            "参数 sort 只能取以下值之一：id, name, status, createTime, updateTime",
            "sort takes one of id, name, status, createTime, updateTime",
        ),
        (
            STOP,
            json,
            r#"{"validate_only":true}"#,
            400,
            "参数 validate_only 须写作 validateOnly",
            "validate_only must be written as validateOnly",
        ),
        (
            STOP,
            json,
            r#"{"minorFreeze":1}"#,
            400,
            "参数 minorFreeze 须为 true 或 false",
            "minorFreeze must be true or false",
        ),
    ];
    for (line, header, body, status, chinese, english) in cases {
        for (language, tag, message) in [
            ("zh-CN", "zh-CN", chinese),
            ("en;q=0.3,zh;q=0.7", "zh-CN", chinese),
            ("zh;q=0.3,en;q=0.7", "en-US", english),
            ("zh;q=0", "en-US", english),
            ("fr", "en-US", english),
        ] {
            let headers = [("accept-language", language), header];
            let answer = socket.send(line, &headers, body).await;
            assert_eq!(answer.status, status, "{line} {language}");
            assert_eq!(answer.header("content-language"), tag, "{line} {language}");
            assert_eq!(
                answer.header("vary"),
                "accept-language",
                "{line} {language}"
            );
            let error = answer.error();
            assert_eq!(error["message"], message, "{line} {language}");
            if let Some(field) = error["subErrors"].get(0) {
                assert_eq!(field["message"], message, "{line} {language}");
            }
        }
    }
}

#[tokio::test]
async fn names_of_tasks_are_not_translated() {
    let script = || Script {
        task: crate::tasks::task(),
        ..Script::default()
    };
    let mut answers = Vec::new();
    for language in ["zh-CN", "en"] {
        let socket = Socket::open(script()).await;
        let answer = socket
            .send(TASK, &[("accept-language", language)], "")
            .await;
        assert_eq!(answer.header("content-language"), "");
        answers.push(answer.data());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["name"], "Stop OB cluster");
    assert_eq!(answers[0]["subtasks"][1]["name"], "Wait node");
}
