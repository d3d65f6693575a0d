//! `felix config`: what is set, where it comes from, and changing it.

use super::print;
use crate::error::Error;
use crate::setup::config::{self, Files};
use crate::setup::settings::{Key, SETTINGS, Settings};
use std::ffi::OsString;
use std::path::PathBuf;

/// Show and change settings.
///
/// A setting is an option of the commands it is for (--cpu), a variable (FELIX_CPU) and a key of two files in TOML:
/// the user's ~/.config/felix/config.toml ($XDG_CONFIG_HOME is honoured) and the system's /etc/felix/config.toml.
/// Options are stronger than variables, those than the user's file, that than the system's. The strongest decides;
/// lists do not add up. In a variable the parts of a list are separated by semicolons. FELIX_CONFIG_USER and
/// FELIX_CONFIG_SYSTEM name other files; empty, none.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting: its value and where it comes from, then what it is.
    List,
    /// Print one setting's value and where it comes from.
    Get {
        /// The setting, as `felix config list` names it.
        key: String,
    },
    /// Set a value in the user's file.
    Set {
        /// The setting, as `felix config list` names it.
        key: String,
        /// Its value; true or false for a flag; any number for a list.
        #[arg(required = true, allow_hyphen_values = true)]
        value: Vec<OsString>,
        /// In the system's file.
        #[arg(long)]
        system: bool,
    },
    /// Take a setting out of the user's file.
    Unset {
        /// The setting, as `felix config list` names it.
        key: String,
        /// Out of the system's file.
        #[arg(long)]
        system: bool,
    },
}

/// A line of TOML with where the value is from, or that nothing is set.
fn line(settings: &Settings, key: Key) -> String {
    let row = key.row();
    match settings.get(key) {
        Some(v) => {
            let value = config::toml(key, &v.values);
            format!("{} = {value}  # {}\n", row.name, v.source)
        }
        None => format!("# {} is not set; default: {}\n", row.name, row.default),
    }
}

fn file(system: bool) -> Result<PathBuf, Error> {
    let files = Files::usual();
    let file = if system { files.system } else { files.user };
    file.ok_or_else(|| {
        Error::Usage("there is no configuration file: neither XDG_CONFIG_HOME nor HOME is an absolute path, or FELIX_CONFIG_USER or FELIX_CONFIG_SYSTEM is empty".into())
    })
}

/// Runs one of them.
pub(super) fn config(command: ConfigCommand) -> Result<(), Error> {
    let key = |name: &str| Key::named(name).map_err(Error::Usage);
    match command {
        ConfigCommand::List => {
            let settings = Files::usual().load()?;
            let mut text = String::new();
            for row in SETTINGS {
                text.push_str(&format!("{}#   {}\n", line(&settings, row.key), row.help));
            }
            print(&text)
        }
        ConfigCommand::Get { key: name } => {
            let key = key(&name)?;
            print(&line(&Files::usual().load()?, key))
        }
        ConfigCommand::Set {
            key: name,
            value,
            system,
        } => {
            let key = key(&name)?;
            if value.len() > 1 && !key.row().is_list() {
                return Err(Error::Usage(format!("{name} has one value")));
            }
            config::change(&file(system)?, key, Some(&value))
        }
        ConfigCommand::Unset { key: name, system } => {
            config::change(&file(system)?, key(&name)?, None)
        }
    }
}
