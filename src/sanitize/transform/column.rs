//! What a transform must know of the column that it writes to.

use crate::sanitize::schema::ColumnDefault;

/// Facts on a column, from the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As `format_type` writes it: `character varying(255)`, `text`, `citext`, `jsonb`.
    pub type_name: String,
    /// The longest value in characters, where there is a limit.
    pub max_chars: Option<u32>,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Whether it is, or is a part of, a primary key, a unique constraint or a unique index.
    pub unique: bool,
    /// What it gets where a row says nothing; known only to rules that ask.
    pub default: ColumnDefault,
}

/// Kinds of column types that are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `text`, `varchar`, `char`, `citext`, `name`.
    Text,
    /// `smallint`, `integer`.
    Integer,
    /// `bigint`: wide enough for a telephone number.
    BigInteger,
    /// `numeric`, `real`, `double precision`, `money`.
    Decimal,
    /// `boolean`.
    Boolean,
    /// `date`.
    Date,
    /// Times, timestamps and intervals.
    Time,
    /// `uuid`.
    Uuid,
    /// `json`, `jsonb`.
    Json,
    /// `bytea`.
    Bytes,
    /// `inet`, `cidr`, `macaddr`.
    Network,
    /// Arrays, ranges, enums, domains, geometry and types of extensions.
    Other,
}

impl Family {
    /// Every family: for transforms that take any type.
    pub const EVERY: &'static [Self] = &[
        Self::Text,
        Self::Integer,
        Self::BigInteger,
        Self::Decimal,
        Self::Boolean,
        Self::Date,
        Self::Time,
        Self::Uuid,
        Self::Json,
        Self::Bytes,
        Self::Network,
        Self::Other,
    ];

    /// The family of a type, by the name that `format_type` gives it.
    pub fn of(type_name: &str) -> Self {
        let name = type_name.trim().to_ascii_lowercase();
        if name.ends_with("[]") {
            return Self::Other;
        }
        // "character varying(255)" → "character varying"; "timestamp(3) with time zone" → "timestamp".
        let base = name.split('(').next().unwrap_or_default().trim();
        // A type with a schema is not the server's own, whatever its name; one extension's is known.
        match base {
            qualified if qualified.ends_with(".citext") => Self::Text,
            "text" | "character varying" | "varchar" | "character" | "char" | "bpchar" | "citext"
            | "name" => Self::Text,
            "smallint" | "integer" | "int2" | "int4" | "int" => Self::Integer,
            "bigint" | "int8" => Self::BigInteger,
            "numeric" | "decimal" | "real" | "double precision" | "float4" | "float8" | "money" => {
                Self::Decimal
            }
            "boolean" | "bool" => Self::Boolean,
            "date" => Self::Date,
            "uuid" => Self::Uuid,
            "json" | "jsonb" => Self::Json,
            "bytea" => Self::Bytes,
            "inet" | "cidr" | "macaddr" | "macaddr8" => Self::Network,
            "interval" => Self::Time,
            time if time.starts_with("time") => Self::Time,
            _ => Self::Other,
        }
    }

    /// How the family is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::BigInteger => "bigint",
            Self::Decimal => "numeric",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Bytes => "bytea",
            Self::Network => "inet",
            Self::Other => "other",
        }
    }

    pub(super) fn list(families: &[Self]) -> String {
        let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
        names.join(", ")
    }
}

impl Column {
    /// The family of its type.
    pub fn family(&self) -> Family {
        Family::of(&self.type_name)
    }

    /// The name of its type in lower case, without length or precision.
    pub(super) fn base(&self) -> &str {
        self.type_name.split('(').next().unwrap_or_default().trim()
    }

    /// Digits in all and digits after the point, of a `numeric` that has a limit.
    pub(super) fn precision(&self) -> Option<(u32, u32)> {
        let (name, rest) = self.type_name.split_once('(')?;
        if !matches!(name.trim(), "numeric" | "decimal") {
            return None;
        }
        let mut numbers = rest.trim_end_matches(')').split(',');
        let precision = numbers.next()?.trim().parse().ok()?;
        let scale: i32 = numbers
            .next()
            .map_or(Some(0), |scale| scale.trim().parse().ok())?;
        // PostgreSQL 15 knows negative scales: digits before the point that are 0.
        Some((precision, u32::try_from(scale).unwrap_or(0)))
    }

    /// The least and the largest whole number that it holds exactly; `None` if it is not for such.
    pub(super) fn integers(&self) -> Option<(i128, i128)> {
        const DIGITS: u32 = 38;
        Some(match self.base() {
            "smallint" | "int2" => (i16::MIN.into(), i16::MAX.into()),
            "integer" | "int4" | "int" => (i32::MIN.into(), i32::MAX.into()),
            "bigint" | "int8" => (i64::MIN.into(), i64::MAX.into()),
            "numeric" | "decimal" => {
                let digits = self
                    .precision()
                    .map_or(DIGITS, |(precision, scale)| precision.saturating_sub(scale));
                let most = 10i128
                    .checked_pow(digits.min(DIGITS))
                    .map_or(i128::MAX, |next| next - 1);
                (-most, most)
            }
            _ => return None,
        })
    }

    /// Whether `chars` characters fit.
    pub(super) fn fits(&self, chars: usize) -> bool {
        self.max_chars.is_none_or(|max| chars <= max as usize)
    }

    /// Whether this text fits; counts only where there is a limit.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.max_chars
            .is_none_or(|max| text.len() <= max as usize || text.chars().count() <= max as usize)
    }

    /// What to use on a unique column of this type.
    pub(super) fn unique_alternative(&self) -> &'static str {
        match self.family() {
            Family::Text => "use hmac, or email for addresses",
            Family::Bytes => "use hmac",
            Family::Uuid => "use uuid",
            Family::Integer | Family::BigInteger | Family::Decimal => "use permute",
            _ => {
                "no transform keeps values of this type unique yet; keep it with a reason, or delete the rows"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_as_the_catalog_writes_them() {
        for (name, family) in [
            ("character varying(255)", Family::Text),
            ("public.citext", Family::Text),
            ("character(2)", Family::Text),
            ("\"char\"", Family::Other),
            ("text[]", Family::Other),
            ("timestamp(3) with time zone", Family::Time),
            ("time without time zone", Family::Time),
            ("tsvector", Family::Other),
            ("numeric(10,2)", Family::Decimal),
            ("bigint", Family::BigInteger),
            ("jsonb", Family::Json),
            ("daterange", Family::Other),
        ] {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
