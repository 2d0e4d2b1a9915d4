//! Configuration: defaults < TOML file < `SLACKTIDE_…` environment < flags.

mod keys;
mod settings;

use std::{collections::HashMap, path::PathBuf};

use ::config::{Config, Environment, File, FileFormat};
use anyhow::Context;

use keys::KEYS;
pub(crate) use settings::{LogFormat, Settings};

/// What stands in place of a secret.
const MASK: &str = "********";

/// Flags that say where the configuration comes from, or override it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Sources {
    /// File with settings, in TOML
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Directory that holds the database and everything else that must last
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Address on which gRPC is served
    #[arg(long, value_name = "ADDRESS")]
    grpc_listen: Option<String>,
    /// Address on which REST is served
    #[arg(long, value_name = "ADDRESS")]
    rest_listen: Option<String>,
    /// Address on which health, readiness and metrics are served
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
}

/// Reads the configuration.
///
/// # Errors
/// A file that cannot be read, and a setting that does not exist or has a value of the wrong kind, by name.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Settings> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the place where configuration is read"
    )]
    let variables = KEYS.iter().filter_map(|key| {
        let variable = variable_of(key);
        std::env::var(&variable).ok().map(|value| (variable, value))
    });
    load_with(sources, variables.collect())
}

fn load_with(sources: &Sources, variables: HashMap<String, String>) -> anyhow::Result<Settings> {
    let mut layers = Config::builder();
    if let Some(file) = &sources.config {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
        layers = layers.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let environment = Environment::with_prefix("SLACKTIDE")
        .prefix_separator("_")
        .separator("__");
    layers = layers.add_source(environment.source(Some(variables)));
    let data_dir = sources
        .data_dir
        .as_ref()
        .map(|dir| dir.to_string_lossy().into_owned());
    let flags = [
        ("data_dir", &data_dir),
        ("grpc.listen", &sources.grpc_listen),
        ("rest.listen", &sources.rest_listen),
        ("admin.listen", &sources.admin_listen),
    ];
    for (key, value) in flags {
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
    Ok(toml::to_string(&shown)?)
}

/// The environment variable of a key: `executor.watch_window` is `SLACKTIDE_EXECUTOR__WATCH_WINDOW`.
fn variable_of(key: &str) -> String {
    format!("SLACKTIDE_{}", key.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests;
