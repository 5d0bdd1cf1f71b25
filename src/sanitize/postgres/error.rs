//! Why a table could not be rewritten: which one, and never with a value of it.

use std::io;

use crate::engine::EngineError;
use crate::model::ServiceName;
use crate::sanitize::copy_text::CopyError;
use crate::sanitize::schema::TableName;
use crate::sanitize::transform::TransformError;

/// Why a table could not be rewritten. It may be empty then.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The server.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A row could not be read.
    #[error("service {service}: table {table} could not be read as COPY text")]
    Copy {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// What was wrong, without the value.
        #[source]
        source: CopyError,
    },
    /// A value could not be replaced.
    #[error("service {service}: a value of {table}.{column} (key: {key}) could not be replaced")]
    Transform {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The columns that say which row.
        key: String,
        /// Why, without the value.
        #[source]
        source: TransformError,
    },
    /// A row that would take more memory than envclone allows itself.
    #[error(
        "service {service}: a row of {table} is longer than {limit} MB, most of it in {column}; it cannot be replaced. Find such \
         rows by {key}, and delete them, or keep them out of the table"
    )]
    Large {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The column with the largest value.
        column: String,
        /// The columns that say which row.
        key: String,
        /// The limit.
        limit: u64,
    },
    /// A table still has a file that it had before.
    #[error("service {service}: table {table} kept a file of originals")]
    NotRewritten {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
    },
    /// A thread of envclone's own.
    #[error("service {service}: a reader of table {table} ended before its work was done")]
    Reader {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
    },
    /// The spool.
    #[error("service {service}: the spool of table {table} failed")]
    Spool {
        /// The service.
        service: ServiceName,
        /// The table.
        table: TableName,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}
