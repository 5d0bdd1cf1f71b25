//! `envclone url`.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::{CommandError, Global, context, output};
use crate::model::EnvName;
use crate::ops;

/// Print the URL of a branch: its database's, or a service's; with `--format env` those of all services
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Branch
    env: String,
    /// Service whose URL to print
    service: Option<String>,
    /// How to print: url, or env for lines like `DATABASE_URL`=…
    #[arg(long, value_enum, default_value_t = Format::Url)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Url,
    Env,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::reader(global, &format!("url {name}"))?;
    let urls = ops::list::urls(&app, &name)?;
    let wanted = |service: &str| args.service.as_deref().is_none_or(|wanted| wanted == service);
    let chosen: Vec<(String, String)> = urls
        .services
        .iter()
        .filter(|(service, _)| wanted(service.as_str()))
        .filter_map(|(service, url)| {
            url.as_ref()
                .map(|url| (service.to_string(), url.reveal().to_owned()))
        })
        .collect();
    if chosen.is_empty() {
        let service = args.service.clone().unwrap_or_default();
        return Err(ops::OpsError::UnknownService { name, service }.into());
    }
    if global.json {
        let url = if args.service.is_some() {
            chosen.first().map(|(_, url)| url.clone())
        } else {
            urls.url.map(|url| url.reveal().to_owned())
        };
        let services: serde_json::Map<_, _> = chosen
            .into_iter()
            .map(|(service, url)| (service, json!(url)))
            .collect();
        output::json(&json!({ "schema": 1, "url": url, "services": services }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let first = urls.url.as_ref().map(|url| url.reveal().to_owned());
    // What a script puts in quotes: `psql "$(envclone url fix-42)"`.
    if let (None, Format::Url, Some(url)) = (&args.service, args.format, &first) {
        output::data(&format!("{url}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let line = |(service, url): &(String, String)| match args.format {
        Format::Url => format!("{url}\n"),
        Format::Env if Some(url) == first.as_ref() => format!("DATABASE_URL={url}\n"),
        Format::Env => format!("{}_URL={url}\n", service.to_uppercase().replace('-', "_")),
    };
    output::data(&chosen.iter().map(line).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}
