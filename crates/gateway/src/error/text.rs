//! What the gateway itself says of a request, in each language.

use crate::language::Language;

/// A sentence of the gateway's own.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// A field that can't be taken, by its name.
    Field(String, Fault),
    /// A parameter that should be a Java `Long`, and what it is.
    NotALong(String, String),
    /// A body that is no JSON object, and what is wrong with it.
    MalformedBody(String),
    BodyCutOff,
    MalformedPath,
    NoSuchPath(String),
    NoSuchZone(String),
    MethodNotAllowed(String),
    BodyTooLarge(usize),
    NotJson,
    NotAcceptable,
    Internal,
    Unreachable,
    NoAnswer,
    AnswerTooLarge,
    UnknownCall,
}

/// What is wrong with a field; in English it goes on where the field's name ends.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    GivenTwice,
    /// How it is written.
    Misspelt(&'static str),
    NotTaken,
    InQuery,
    Contradicts,
    /// What it may be.
    NoneOf(String),
    NotBoolean,
    /// The largest number.
    NotANumber(i32),
    NotTheProcess,
    NotAKey,
    SeveralProperties,
    NoClusterStatus,
    NoTaskStatus,
    NoTaskType,
    /// How many subtasks there are at least.
    TooManySubtasks(usize),
}

impl Text {
    pub(super) fn told(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Field(field, fault) => format!("{field} {}", fault.english()),
            Self::NotALong(name, value) => {
                format!("parameter {name} of value {value} cannot be converted to type Long")
            }
            Self::MalformedBody(reason) => format!("request body cannot be read: {reason}"),
            Self::BodyCutOff => "request body ends before it is complete".to_owned(),
            Self::MalformedPath => {
                "path cannot be read: its segments must be UTF-8, and neither dots alone nor contain a slash, a backslash or a control character".to_owned()
            }
            Self::NoSuchPath(path) => format!("there is no call with the path {path}"),
            Self::NoSuchZone(zone) => format!("there is no zone {zone}"),
            Self::MethodNotAllowed(method) => format!(
                "this path does not take the method {method}; the header `Allow` names those that it takes"
            ),
            Self::BodyTooLarge(max) => format!("request body has more than {max} bytes"),
            Self::NotJson => {
                "request body must be JSON in UTF-8: send `Content-Type: application/json`".to_owned()
            }
            Self::NotAcceptable => {
                "this call answers in JSON alone: let `Accept` have `application/json`".to_owned()
            }
            Self::Internal => "the request failed for an unknown reason: ask the administrator, quoting the trace id".to_owned(),
            Self::Unreachable => "the server cannot be reached: try again later".to_owned(),
            Self::NoAnswer => "the server did not answer in time; the request may have been carried out: look before you repeat it".to_owned(),
            Self::AnswerTooLarge => "the answer is too large: ask for a smaller page".to_owned(),
            Self::UnknownCall => {
                "the server does not know this call: it may be of another version".to_owned()
            }
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::Field(field, fault) => format!("参数 {field} {}", fault.chinese()),
            Self::NotALong(name, value) => {
                format!("参数 {name} 的值 {value} 无法转换为 Long 类型")
            }
            Self::MalformedBody(reason) => format!("请求体无法解析：{reason}"),
            Self::BodyCutOff => "请求体不完整".to_owned(),
            Self::MalformedPath => {
                "请求路径无法解析：各段须为 UTF-8，不能只由点组成，也不能含有斜杠、反斜杠或控制字符"
                    .to_owned()
            }
            Self::NoSuchPath(path) => format!("没有路径为 {path} 的接口"),
            Self::NoSuchZone(zone) => format!("Zone {zone} 不存在"),
            Self::MethodNotAllowed(method) => {
                format!("该路径不支持 {method} 方法，支持的方法见响应头 `Allow`")
            }
            Self::BodyTooLarge(max) => format!("请求体超过 {max} 字节"),
            Self::NotJson => {
                "请求体须为 UTF-8 编码的 JSON：请发送 `Content-Type: application/json`".to_owned()
            }
            Self::NotAcceptable => {
                "该接口只返回 JSON：`Accept` 须包含 `application/json`".to_owned()
            }
            Self::Internal => "请求因未知原因失败，请将 traceId 提供给管理员".to_owned(),
            Self::Unreachable => "无法连接服务端，请稍后重试".to_owned(),
            Self::NoAnswer => "服务端未及时响应；请求可能已被执行，重试前请先查看".to_owned(),
            Self::AnswerTooLarge => "返回结果过大，请减小分页大小".to_owned(),
            Self::UnknownCall => "服务端不支持该接口，其版本可能不同".to_owned(),
        }
    }
}

impl Fault {
    fn english(&self) -> String {
        let text = match self {
            Self::Misspelt(name) => return format!("must be written as {name}"),
            Self::NoneOf(known) => return format!("takes one of {known}"),
            Self::NotANumber(max) => return format!("must be a whole number from 0 to {max}"),
            Self::TooManySubtasks(count) => {
                return format!(
                    "is too large where tasks have {count} subtasks and more: ask for less"
                );
            }
            Self::GivenTwice => "must be given once",
            Self::NotTaken => "is not taken by this call",
            Self::InQuery => "must be given in the request body, not in the query",
            Self::Contradicts => "contradicts another member of the request body",
            Self::NotBoolean => "must be true or false",
            Self::NotTheProcess => {
                "must be \"STOP_PROCESS\": the server's process is ended, not its service alone"
            }
            Self::NotAKey => "must be printable ASCII and not empty",
            Self::SeveralProperties => "takes one property",
            Self::NoClusterStatus => "must be a cluster status in OCP's words",
            Self::NoTaskStatus => "must be a task status in OCP's words",
            Self::NoTaskType => "must be a task type in OCP's words",
        };
        text.to_owned()
    }

    fn chinese(&self) -> String {
        let text = match self {
            Self::Misspelt(name) => return format!("须写作 {name}"),
            Self::NoneOf(known) => return format!("只能取以下值之一：{known}"),
            Self::NotANumber(max) => return format!("须为 0 到 {max} 之间的整数"),
            Self::TooManySubtasks(count) => {
                return format!("过大：任务的子任务已达 {count} 个以上，请减小");
            }
            Self::GivenTwice => "只能给出一次",
            Self::NotTaken => "不适用于此接口",
            Self::InQuery => "须放在请求体中，不能放在查询参数中",
            Self::Contradicts => "与请求体中的其他成员矛盾",
            Self::NotBoolean => "须为 true 或 false",
            Self::NotTheProcess => "须为 \"STOP_PROCESS\"：停止的是进程，而不只是服务",
            Self::NotAKey => "须为非空的可打印 ASCII 字符",
            Self::SeveralProperties => "只能是一个字段",
            Self::NoClusterStatus => "须为 OCP 定义的集群状态",
            Self::NoTaskStatus => "须为 OCP 定义的任务状态",
            Self::NoTaskType => "须为 OCP 定义的任务类型",
        };
        text.to_owned()
    }
}
