//! The way to a server: address, sign-in, and clients of its services.

use std::{error::Error, fmt, io, path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use slacktide_api::v1::{
    cluster_service_client::ClusterServiceClient, executor_service_client::ExecutorServiceClient,
    iam_service_client::IamServiceClient, info_service_client::InfoServiceClient,
    task_service_client::TaskServiceClient,
};
use tokio_rustls::rustls;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::trust;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a call may take to begin its answer; a stream may then go on for ever.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A silent connection is probed this often, so that a watch notices a server that is gone without a word.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// Holds the 9,012 subtasks of a cluster of 3,000 servers many times over.
const ANSWER_MAX: usize = 64 << 20;

/// What help shows these options under, so that a verb's own stand together.
const HEADING: &str = "Connection";

/// Where the server is, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Address of the server
    #[arg(
        long,
        env = "SLACKTIDE_ENDPOINT",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL",
        help_heading = HEADING,
        global = true
    )]
    pub(crate) endpoint: String,
    /// File with the certificates, in PEM, that sign the server's [default: those that this machine trusts]
    #[arg(
        long,
        env = "SLACKTIDE_CA",
        value_name = "FILE",
        help_heading = HEADING,
        global = true
    )]
    pub(crate) ca: Option<PathBuf>,
    /// User to sign in as
    #[arg(
        long,
        env = "SLACKTIDE_USER",
        value_name = "NAME",
        help_heading = HEADING,
        global = true
    )]
    pub(crate) user: Option<String>,
    /// The user's password; better given in the environment, where `ps` does not show it
    #[arg(
        long,
        env = "SLACKTIDE_PASSWORD",
        hide_env_values = true,
        help_heading = HEADING,
        global = true
    )]
    pub(crate) password: Option<Password>,
}

/// A password that is not printed by accident.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(
        "endpoint `{0}` is not usable: it must be like http://127.0.0.1:50051, or https:// for a server with TLS"
    )]
    Endpoint(String),
    #[error("no TLS without certificates to trust: {0}")]
    Ca(String),
    #[error(
        "{endpoint} does not prove that it is the server: {cause}; name the file of the certificates that sign its own \
         with --ca"
    )]
    Untrusted { endpoint: String, cause: String },
    #[error("a user without a password: give --password or set SLACKTIDE_PASSWORD")]
    NoPassword,
    #[error("a password without a user: give --user or set SLACKTIDE_USER")]
    NoUser,
    #[error("user `{0}` is not usable: a user's name has no colon and no control character")]
    User(String),
    #[error("cannot reach {endpoint}: {cause}; is `slacktide serve` running?")]
    Unreachable { endpoint: String, cause: String },
}

/// An open connection. It comes back by itself after a break: only the calls in flight fail.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    channel: Channel,
    sign_in: SignIn,
}

type Service = InterceptedService<Channel, SignIn>;

impl Connection {
    /// Connects; the sign-in itself is judged by the first call.
    ///
    /// # Errors
    /// [`ConnectError`] when the arguments are not usable or nobody answers.
    pub(crate) async fn open(args: &ConnectArgs) -> Result<Self, ConnectError> {
        let unusable = || ConnectError::Endpoint(args.endpoint.clone());
        let sign_in = SignIn::new(args)?;
        let endpoint = Endpoint::from_shared(args.endpoint.clone()).map_err(|_| unusable())?;
        let uri = endpoint.uri();
        let endpoint = match uri.scheme_str() {
            Some("http" | "https") if uri.host().is_none() => return Err(unusable()),
            Some("http") => endpoint,
            Some("https") => {
                let refused = |error| ConnectError::Ca(format!("{error:#}"));
                let roots = trust::roots("--ca", args.ca.as_deref()).map_err(refused)?;
                let trusting = endpoint.tls_config(roots);
                trusting.map_err(|error| ConnectError::Ca(plain_cause(&error)))?
            }
            _ => return Err(unusable()),
        };
        let channel = endpoint
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PROBE_EVERY)
            .keep_alive_timeout(PROBE_EVERY)
            .connect()
            .await
            .map_err(|error| {
                let (endpoint, cause) = (args.endpoint.clone(), plain_cause(&error));
                if is_distrust(&error) {
                    ConnectError::Untrusted { endpoint, cause }
                } else {
                    ConnectError::Unreachable { endpoint, cause }
                }
            })?;
        Ok(Self { channel, sign_in })
    }

    pub(super) fn clusters(&self) -> ClusterServiceClient<Service> {
        ClusterServiceClient::new(self.service()).max_decoding_message_size(ANSWER_MAX)
    }

    pub(super) fn tasks(&self) -> TaskServiceClient<Service> {
        TaskServiceClient::new(self.service()).max_decoding_message_size(ANSWER_MAX)
    }

    pub(super) fn executors(&self) -> ExecutorServiceClient<Service> {
        ExecutorServiceClient::new(self.service()).max_decoding_message_size(ANSWER_MAX)
    }

    pub(super) fn iam(&self) -> IamServiceClient<Service> {
        IamServiceClient::new(self.service()).max_decoding_message_size(ANSWER_MAX)
    }

    pub(super) fn info(&self) -> InfoServiceClient<Service> {
        InfoServiceClient::new(self.service())
    }

    fn service(&self) -> Service {
        InterceptedService::new(self.channel.clone(), self.sign_in.clone())
    }
}

/// What lies at the bottom of a transport error, in an operator's words.
pub(super) fn plain_cause(error: &(dyn Error + 'static)) -> String {
    let io = chain(error).find_map(|error| error.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::TimedOut) => "no answer in time".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            "connection broken".to_owned()
        }
        _ => chain(error).last().unwrap_or(error).to_string(),
    }
}

/// Whether the server has a certificate that is not to be trusted.
fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    let tls = |error: &'_ (dyn Error + 'static)| {
        let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
        inner.downcast_ref::<rustls::Error>().cloned()
    };
    let tls = chain(error).find_map(tls);
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Adds HTTP Basic credentials to each call.
#[derive(Clone, Debug)]
pub(super) struct SignIn(Option<MetadataValue<Ascii>>);

impl SignIn {
    fn new(args: &ConnectArgs) -> Result<Self, ConnectError> {
        let (user, password) = match (&args.user, &args.password) {
            (None, None) => return Ok(Self(None)),
            (Some(_), None) => return Err(ConnectError::NoPassword),
            (None, Some(_)) => return Err(ConnectError::NoUser),
            (Some(user), Some(Password(password))) => (user, password),
        };
        let unusable = || ConnectError::User(user.clone());
        if user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(unusable());
        }
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut value = MetadataValue::try_from(format!("Basic {pair}")).map_err(|_| unusable())?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for SignIn {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn args(endpoint: &str, user: Option<&str>, password: Option<&str>) -> ConnectArgs {
        ConnectArgs {
            endpoint: endpoint.to_owned(),
            ca: None,
            user: user.map(str::to_owned),
            password: password.map(|password| Password(password.to_owned())),
        }
    }

    #[tokio::test]
    async fn an_absent_server_is_reported_in_plain_words() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = Connection::open(&args(&endpoint, None, None))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot reach {endpoint}: connection refused; is `slacktide serve` running?")
        );
    }

    #[tokio::test]
    async fn an_endpoint_that_is_none_is_refused_before_any_call() {
        for endpoint in ["", "127.0.0.1:50051", "ftp://127.0.0.1:50051", "http://"] {
            let error = Connection::open(&args(endpoint, None, None))
                .await
                .unwrap_err();
            assert!(
                matches!(error, ConnectError::Endpoint(_)),
                "{endpoint}: {error}"
            );
        }
    }

    #[test]
    fn credentials_come_in_pairs_and_go_as_basic() {
        let sign_in = |user, password| SignIn::new(&args("", user, password));
        assert!(matches!(
            sign_in(Some("admin"), None),
            Err(ConnectError::NoPassword)
        ));
        assert!(matches!(
            sign_in(None, Some("secret")),
            Err(ConnectError::NoUser)
        ));
        assert!(matches!(
            sign_in(Some("a:b"), Some("")),
            Err(ConnectError::User(_))
        ));

        let mut basic = sign_in(Some("admin"), Some("sécret")).unwrap();
        let request = basic.call(Request::new(())).unwrap();
        // printf 'admin:sécret' | base64
        let sent = request.metadata().get("authorization").unwrap();
        assert_eq!(sent.to_str().unwrap(), "Basic YWRtaW46c8OpY3JldA==");
    }

    #[test]
    fn a_password_is_not_printed_by_accident() {
        let printed = format!("{:?}", args("", Some("admin"), Some("secret")));
        assert!(!printed.contains("secret"), "{printed}");
    }
}
