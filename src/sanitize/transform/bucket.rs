//! `bucket`: numbers of a range become the same, its beginning.

use super::decimal::Decimal;
use super::{
    Column, Compiled, Entry, Family, Masked, MaskingKey, Param, Params, SpecError, Transform, TransformError,
    Uniqueness,
};

pub(super) const ENTRY: Entry = Entry {
    name: "bucket",
    summary: "replaces numbers by the beginning of their bucket: with a size of 1000, 2750 becomes 2000",
    params: &[Param {
        name: "size",
        summary: "how large a bucket is (required); what lies on its beginning stays",
    }],
    accepts: &[Family::Integer, Family::BigInteger, Family::Decimal],
    uniqueness: Uniqueness::NotGuaranteed,
    build,
};

fn build(params: &Params<'_>, column: &Column, _: &MaskingKey) -> Compiled {
    let size = params
        .decimal("size")?
        .ok_or_else(|| params.missing("size", "a number greater than 0"))?;
    let size = Decimal::read(&size.to_string())
        .filter(|size| size.mantissa > 0)
        .ok_or_else(|| params.wrong("size", "a number greater than 0".to_owned()))?;
    refuse_money(ENTRY.name, column)?;
    Ok(Box::new(Bucket {
        size,
        column: column.clone(),
    }))
}

/// `money` is written as the server's locale has it.
pub(super) fn refuse_money(transform: &'static str, column: &Column) -> Result<(), SpecError> {
    if column.base() == "money" {
        return Err(SpecError::Type {
            transform,
            type_name: column.type_name.clone(),
            accepts: "integer, bigint, numeric or floating".to_owned(),
        });
    }
    Ok(())
}

struct Bucket {
    size: Decimal,
    column: Column,
}

impl Transform for Bucket {
    fn may_repeat(&self) -> bool {
        true
    }

    fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
        if super::noise::is_no_number(value) {
            out.push_str(value);
            return Ok(Masked::Value);
        }
        let form = TransformError::Form {
            transform: ENTRY.name,
            expected: "number of at most 36 digits",
        };
        let number = Decimal::read(value).ok_or(form)?;
        let scale = number.scale.max(self.size.scale);
        let (number, size) = (number.at(scale).ok_or(form)?, self.size.at(scale).ok_or(form)?);
        let low = number - number.rem_euclid(size);
        let fake = |mantissa| Decimal { mantissa, scale };
        // Below the least number of the column lies nothing: of the lowest bucket, the end.
        let fake = if fake(low).fits(&self.column) {
            fake(low)
        } else {
            fake(low + size)
        };
        fake.write(out);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::tests::{column, compiled, masked, refused, spec};

    fn bucket(size: &str, type_name: &str, value: &str) -> String {
        masked(
            &*compiled(&spec("bucket", &format!("size = {size}")), &column(type_name)),
            value,
        )
    }

    #[test]
    fn numbers_become_the_beginning_of_their_bucket() {
        assert_eq!(bucket("1000", "int4", "2750"), "2000");
        assert_eq!(bucket("1000", "int4", "-1"), "-1000");
        assert_eq!(bucket("0.5", "numeric(6,2)", "12.74"), "12.50");
        assert_eq!(bucket("10", "float8", "1.5e+20"), "150000000000000000000");
        assert_eq!(bucket("10", "float8", "NaN"), "NaN");
    }

    #[test]
    fn fakes_fit_the_type() {
        assert_eq!(bucket("1000", "int2", "-32768"), "-32000");
        assert_eq!(bucket("100", "numeric(5,2)", "-999.99"), "-900.00");
    }

    #[test]
    fn a_size_is_needed() {
        for params in ["", "size = 0", "size = -5", "size = 'x'"] {
            refused(&spec("bucket", params), &column("int4"));
        }
        refused(&spec("bucket", "size = 5"), &column("money"));
        refused(&Spec::named("bucket"), &column("text"));
    }
}
