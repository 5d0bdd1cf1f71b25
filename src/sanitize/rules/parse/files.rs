//! The rules of a service of files.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Collected, Source, Value, article, in_order};
use crate::model::ServiceName;
use crate::sanitize::file_rules::{FileRule, Glob};
use crate::sanitize::nearest::did_you_mean;

impl Source<'_> {
    pub(super) fn file_service(&self, out: &mut Collected<'_>, service: &ServiceName, table: &DeTable<'_>) {
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "delete" => self.delete_globs(out, service, value),
                "keep" => self.keep_globs(out, service, value),
                other => {
                    let message = format!(
                        "unknown key {other:?}{}; files take delete = [\"glob\"] and keep = {{ \"glob\" = \
                         \"reason\" }}",
                        did_you_mean(other, ["delete", "keep"])
                    );
                    out.refuse(self.place(&key.span()), message);
                }
            }
        }
    }

    fn delete_globs(&self, out: &mut Collected<'_>, service: &ServiceName, value: &Value<'_>) {
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("delete must be a list of globs, not {}", article(value.get_ref()));
            return out.refuse(self.place(&value.span()), message);
        };
        for item in items {
            let Some(text) = self.text(out, "a glob of delete", item) else {
                continue;
            };
            self.file_rule(out, service, &text, None, &item.span());
        }
    }

    fn keep_globs(&self, out: &mut Collected<'_>, service: &ServiceName, value: &Value<'_>) {
        let DeValue::Table(entries) = value.get_ref() else {
            let message = format!(
                "keep must be a table {{ \"glob\" = \"reason\" }}, not {}",
                article(value.get_ref())
            );
            return out.refuse(self.place(&value.span()), message);
        };
        for (key, reason) in in_order(entries) {
            let Some(reason) = self.text(out, "keep", reason) else {
                continue;
            };
            self.file_rule(out, service, key.get_ref(), Some(reason), &key.span());
        }
    }

    fn file_rule(
        &self,
        out: &mut Collected<'_>,
        service: &ServiceName,
        glob: &str,
        reason: Option<String>,
        span: &Range<usize>,
    ) {
        let at = self.place(span);
        let glob = match Glob::compile(glob) {
            Ok(glob) => glob,
            Err(error) => return out.refuse(at, error.to_string()),
        };
        let before = [&out.deleted, &out.kept]
            .into_iter()
            .flat_map(|rules| rules.get(service).into_iter().flatten())
            .find(|rule| rule.glob == glob);
        if let Some(before) = before {
            let message = format!("{service}: {:?} is ruled already at {}", glob.as_str(), before.at);
            return out.refuse(at, message);
        }
        let list = if reason.is_some() {
            &mut out.kept
        } else {
            &mut out.deleted
        };
        let rule = FileRule { glob, reason, at };
        list.entry(service.clone()).or_default().push(rule);
    }
}
