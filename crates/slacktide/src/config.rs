//! Configuration: defaults < TOML file < `SLACKTIDE_…` environment < flags.

mod keys;
mod mask;
mod settings;

use std::{collections::HashMap, env::VarError, path::PathBuf};

use ::config::{Config, Environment, File, FileFormat};
use anyhow::{Context, bail};

use crate::syntax;
use keys::KEYS;
use mask::MASK;
pub(crate) use settings::{Grpc, LogFormat, Rest, Role, Settings, Tls};

/// What help shows these flags under, so that a verb's own stand together.
const HEADING: &str = "Settings";

/// Flags of every verb that works on the data directory itself.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Sources {
    /// File with settings, in TOML
    #[arg(long, value_name = "FILE", help_heading = HEADING, global = true)]
    config: Option<PathBuf>,
    // No default of clap's, here and below: it would override the file and the environment.
    /// Directory that holds the database and everything else that must last [default: ./slacktide-data]
    #[arg(long, value_name = "DIR", help_heading = HEADING, global = true)]
    data_dir: Option<PathBuf>,
    /// URL of a database to use in place of the one in the data directory: postgres://… or mysql://…
    #[arg(long, value_name = "URL", help_heading = HEADING, global = true)]
    database_url: Option<String>,
}

/// Flags of a server: where its settings come from, and those that override the others.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    sources: Sources,
    /// What this process does, with commas between: server, gateway, executor [default: all of them]
    #[arg(long, value_name = "ROLES", help_heading = HEADING)]
    roles: Option<String>,
    /// Address of the gRPC server that a gateway without one in its process calls
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    server_url: Option<String>,
    /// NATS servers that carry wake-ups between processes [default: the database, where it can]
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    nats_url: Option<String>,
    /// Address on which gRPC is served [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    grpc_listen: Option<String>,
    /// Address on which REST is served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    rest_listen: Option<String>,
    /// Address on which health, readiness and metrics are served [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS", help_heading = HEADING)]
    admin_listen: Option<String>,
    /// File with the certificate to serve gRPC and REST with, and those that lead to its root, in PEM
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    tls_cert: Option<String>,
    /// File with the certificate's private key, in PEM
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    tls_key: Option<String>,
    /// Serve addresses that other hosts can reach without TLS: passwords cross the network as they are
    #[arg(long, help_heading = HEADING)]
    allow_plaintext: bool,
    /// Serve addresses that other hosts can reach while admin has the generated password
    #[arg(long, help_heading = HEADING)]
    allow_generated_password: bool,
}

impl From<Sources> for Flags {
    fn from(sources: Sources) -> Self {
        Self {
            sources,
            ..Self::default()
        }
    }
}

/// Reads the configuration.
///
/// # Errors
/// A file that cannot be read, and a setting that does not exist or has a value of the wrong kind, by name.
pub(crate) fn load(flags: &Flags) -> anyhow::Result<Settings> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the place where configuration is read"
    )]
    let read = |variable: &str| std::env::var(variable);
    let mut variables = HashMap::new();
    for variable in KEYS.iter().map(|key| variable_of(key)) {
        match read(&variable) {
            Ok(value) => drop(variables.insert(variable, value)),
            Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => bail!("{variable} is not UTF-8: set it anew"),
        }
    }
    load_with(flags, variables)
}

fn load_with(flags: &Flags, variables: HashMap<String, String>) -> anyhow::Result<Settings> {
    let mut layers = Config::builder();
    if let Some(file) = &flags.sources.config {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
        if let Err(error) = toml::de::DeTable::parse(&text) {
            let fault = syntax::fault(&text, &error);
            bail!(
                "the configuration file {} is not usable: {fault}",
                file.display()
            );
        }
        layers = layers.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let environment = Environment::with_prefix("SLACKTIDE")
        .prefix_separator("_")
        .separator("__");
    layers = layers.add_source(environment.source(Some(variables)));
    let data_dir = flags
        .sources
        .data_dir
        .as_ref()
        .map(|dir| dir.to_string_lossy().into_owned());
    let allowed = |flag: bool| flag.then(|| "true".to_owned());
    let allow_plaintext = allowed(flags.allow_plaintext);
    let allow_generated_password = allowed(flags.allow_generated_password);
    let overrides = [
        ("data_dir", &data_dir),
        ("database.url", &flags.sources.database_url),
        ("roles", &flags.roles),
        ("gateway.upstream", &flags.server_url),
        ("nats.url", &flags.nats_url),
        ("grpc.listen", &flags.grpc_listen),
        ("rest.listen", &flags.rest_listen),
        ("admin.listen", &flags.admin_listen),
        ("tls.cert", &flags.tls_cert),
        ("tls.key", &flags.tls_key),
        ("allow_plaintext", &allow_plaintext),
        ("allow_generated_password", &allow_generated_password),
    ];
    for (key, value) in overrides {
        layers = layers.set_override_option(key, value.clone())?;
    }
    let settings: Settings = layers
        .build()?
        .try_deserialize()
        .context("the configuration is not valid")?;
    settings.check()?;
    Ok(settings)
}

/// The configuration as TOML, without its secrets.
pub(crate) fn show(settings: &Settings) -> anyhow::Result<String> {
    let mut shown = settings.clone();
    if let Some(password) = &mut shown.admin_password {
        MASK.clone_into(password);
    }
    if let Some(url) = &mut shown.database.url {
        *url = mask::database(url);
    }
    if let Some(url) = &mut shown.nats.url {
        *url = mask::addresses(url);
    }
    Ok(toml::to_string(&shown)?)
}

/// The environment variable of a key: `executor.watch_window` is `SLACKTIDE_EXECUTOR__WATCH_WINDOW`.
fn variable_of(key: &str) -> String {
    format!("SLACKTIDE_{}", key.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests;
