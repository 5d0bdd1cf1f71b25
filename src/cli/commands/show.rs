//! `envclone show`.

use std::process::ExitCode;

use crate::cli::{CommandError, Global, context, output};
use crate::model::{BranchReport, EnvName, ReceiptRecord};
use crate::ops;

/// Show everything about an environment
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Environment to show
    env: String,
    /// Show the receipt: what was replaced, kept, exempt, read back, and not covered
    #[arg(long)]
    receipt: bool,
}

pub(in crate::cli) fn run(global: &Global, args: &Args) -> Result<ExitCode, CommandError> {
    let name: EnvName = args.env.parse()?;
    let app = context::reader(global, &format!("show {name}"))?;
    let (report, receipt) = ops::list::show(&app, &name)?;
    if global.json {
        let mut document = serde_json::to_value(&report).map_err(CommandError::internal)?;
        if args.receipt {
            document["receipt"] = serde_json::to_value(&receipt).map_err(CommandError::internal)?;
        }
        output::json(&document)?;
    } else if args.receipt {
        output::data(&describe_receipt(&report, receipt.as_ref()))?;
    } else {
        output::data(&describe(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(report: &BranchReport) -> String {
    let environment = &report.environment;
    let mut lines = vec![
        format!("name        {}", environment.name),
        format!("type        {}", environment.kind),
        format!("state       {}", environment.state),
        format!("sanitized   {}", environment.sanitized),
    ];
    if let Some(why) = &environment.stopped_because {
        lines.push(format!("because     {why}"));
    }
    if let Some(parent) = &environment.parent {
        lines.push(format!("parent      {parent}"));
    }
    if let Some(created) = &environment.created_at {
        lines.push(format!("created     {created}"));
    }
    for (name, service) in &report.services {
        let version = service.version.as_deref().unwrap_or_default();
        lines.push(
            format!("service     {name}: {} {version}", service.engine)
                .trim_end()
                .to_owned(),
        );
        if let Some(url) = &service.url {
            lines.push(format!("  url       {}", url.reveal()));
        }
        if let Some(socket) = &service.socket {
            lines.push(format!("  socket    {socket}"));
        }
    }
    if let Some(snapshot) = &report.snapshot {
        lines.push(format!(
            "snapshot    {} (atomic: {})",
            snapshot.taken_at, snapshot.atomic
        ));
        if snapshot.raw_stays {
            let why = "it holds originals, and stays on the pool until the branch is destroyed; nothing in the branch reaches it";
            lines.push(format!("            {why}"));
        }
    }
    if let Some(bytes) = report.branch_size {
        lines.push(format!("size        each dataset at most {bytes} bytes"));
    }
    if let Some(out) = report.out_no_routes {
        lines.push(format!("tried out   {out} packets that found no route"));
    }
    lines.join("\n") + "\n"
}

fn describe_receipt(report: &BranchReport, receipt: Option<&ReceiptRecord>) -> String {
    let Some(receipt) = receipt else {
        return "no receipt\n".to_owned();
    };
    let mut lines = vec![
        format!("made        {}", receipt.made_at),
        format!("object      {}", receipt.object),
        format!("policy      {}", receipt.policy),
    ];
    if let Some(done) = &report.sanitization {
        lines.push(match &done.skipped {
            Some(why) => format!("rewritten   nothing: {why}"),
            None => format!(
                "rewritten   {} tables, {} columns, {} rows",
                done.tables, done.columns, done.rows
            ),
        });
        lines.push(format!(
            "proved      {} originals were searched for in {} bytes, {} found",
            done.needles, done.bytes_scanned, done.found
        ));
        if let Some(files) = done.written_anew {
            lines.push(format!(
                "proved      {files} files were written anew and share no storage with what was there before"
            ));
        }
    }
    for column in &receipt.replaced {
        lines.push(format!(
            "replaced    {} by {}: {} values, {} unchanged",
            column.column, column.transform, column.values, column.unchanged
        ));
    }
    for one in &receipt.deleted {
        let which = match (&one.condition, one.rows) {
            (Some(condition), Some(rows)) => format!("{rows} rows where {condition}"),
            _ => "all rows".to_owned(),
        };
        lines.push(format!("deleted     {}: {which}", one.table));
    }
    lines.extend(receipt.kept.iter().map(|kept| format!("kept        {kept}")));
    lines.extend(
        receipt
            .exempt
            .iter()
            .map(|exempt| format!("exempt      {exempt}")),
    );
    lines.extend(
        receipt
            .removed
            .iter()
            .map(|removed| format!("removed     {removed}")),
    );
    for check in &receipt.neutrality {
        lines.push(format!(
            "checked     {} {}: {}",
            check.service, check.what, check.found
        ));
    }
    let not_covered = report.sanitization.iter().flat_map(|done| &done.not_covered);
    lines.extend(not_covered.map(|what| format!("NOT COVERED {what}")));
    lines.join("\n") + "\n"
}
