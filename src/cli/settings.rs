//! Options that are settings: `setup::settings` has the rows, here they become arguments and what was given becomes values.

use crate::error::Error;
use crate::setup::config::Files;
use crate::setup::settings::{Key, SETTINGS, Scope, Setting, Settings, Source, Value};
use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use std::ffi::OsString;

/// What was given of the options of one scope.
#[derive(Clone, Default, Debug)]
struct Given(Vec<(Key, Vec<OsString>)>);

fn rows(scope: Scope) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |s| s.scope == scope)
}

fn argument(s: &'static Setting) -> Arg {
    let help = format!(
        "{} [default: {}] [variable: {}]",
        s.help,
        s.default,
        s.variable()
    );
    let arg = Arg::new(s.name)
        .long(s.name)
        .help(help)
        .value_parser(OsStringValueParser::new())
        .allow_hyphen_values(true);
    if s.value_name.is_empty() {
        // `--strace`, or `--strace=false` where a file says otherwise.
        return arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false")
            .hide_possible_values(true)
            .action(ArgAction::Set);
    }
    let action = if s.is_list() {
        ArgAction::Append
    } else {
        ArgAction::Set
    };
    arg.value_name(s.value_name).action(action)
}

fn augment(command: clap::Command, scope: Scope) -> clap::Command {
    rows(scope).fold(command, |c, s| c.arg(argument(s)))
}

fn given(matches: &ArgMatches, scope: Scope) -> Given {
    let values = |s: &Setting| {
        let all = matches.get_many::<OsString>(s.name)?;
        Some((s.key, all.cloned().collect()))
    };
    Given(rows(scope).filter_map(values).collect())
}

impl Given {
    fn put(&self, settings: &mut Settings) -> Result<(), Error> {
        for (key, values) in &self.0 {
            let source = Source::Option(key.row().name.into());
            let values = values.clone();
            settings
                .set(*key, Value { values, source })
                .map_err(Error::Usage)?;
        }
        Ok(())
    }
}

macro_rules! options {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        #[derive(Clone, Default, Debug)]
        pub(super) struct $name(Given);

        impl clap::FromArgMatches for $name {
            fn from_arg_matches(m: &ArgMatches) -> Result<Self, clap::Error> {
                Ok($name(given(m, $scope)))
            }
            fn update_from_arg_matches(&mut self, m: &ArgMatches) -> Result<(), clap::Error> {
                self.0 = given(m, $scope);
                Ok(())
            }
        }

        impl clap::Args for $name {
            fn augment_args(c: clap::Command) -> clap::Command {
                augment(c, $scope)
            }
            fn augment_args_for_update(c: clap::Command) -> clap::Command {
                augment(c, $scope)
            }
        }

        impl $name {
            /// Everything that is set, these options being the strongest.
            pub(super) fn settings(&self) -> Result<Settings, Error> {
                let mut settings = Files::usual().load()?;
                self.0.put(&mut settings)?;
                Ok(settings)
            }
        }
    };
}

options!(
    /// Options of the commands that run guest programs.
    RunOptions,
    Scope::Run
);
options!(
    /// Options of the commands that make and keep roots.
    RootfsOptions,
    Scope::Rootfs
);

impl RunOptions {
    /// These options alone: what a felix executed by felix has been told is all there is.
    pub(super) fn alone(&self) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        self.0.put(&mut settings)?;
        Ok(settings)
    }
}
