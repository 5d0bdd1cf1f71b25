//! Whose an object is, as the value of one user property. All that goes into it is checked names, so it holds neither tabs nor
//! line breaks, and it names the object's own guid: a copy of it on another dataset counts for nothing.

use super::super::{Mark, ObjectId, Role};

/// The version of the text, which is that of [`Mark`].
const SCHEMA: u32 = 1;

/// `1/GUID/PROJECT/ENVIRONMENT/PARENT/ROLE/RUN`
pub(super) fn write(mark: &Mark) -> String {
    [
        &SCHEMA.to_string(),
        &mark.id.0,
        mark.project.as_str(),
        mark.environment.as_str(),
        mark.parent.as_str(),
        mark.role.as_str(),
        mark.run.as_str(),
    ]
    .join("/")
}

/// The mark in a text, if it is one of this version.
pub(super) fn read(text: &str) -> Option<Mark> {
    let fields: Vec<&str> = text.split('/').collect();
    let ["1", id, project, environment, parent, role, run] = fields.as_slice() else {
        return None;
    };
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Mark {
        schema: SCHEMA,
        id: ObjectId((*id).to_owned()),
        project: project.parse().ok()?,
        environment: environment.parse().ok()?,
        parent: parent.parse().ok()?,
        role: Role::parse(role)?,
        run: run.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "1/16542035767320945260/shop/fix-42/prod/clone/0000000000000001";

    #[test]
    fn what_is_written_is_read_back() {
        let mark = read(TEXT).unwrap();
        assert_eq!((mark.role, mark.environment.as_str()), (Role::Clone, "fix-42"));
        assert_eq!(write(&mark), TEXT);
    }

    #[test]
    fn anything_else_is_no_mark() {
        for text in [
            "",
            "-",
            "1/16542035767320945260/shop/fix-42/prod/clone",
            "1/16542035767320945260/shop/fix-42/prod/clone/0000000000000001/x",
            "2/16542035767320945260/shop/fix-42/prod/clone/0000000000000001",
            "1/x/shop/fix-42/prod/clone/0000000000000001",
            "1/1/shop/Fix/prod/clone/0000000000000001",
            "1/1/shop/fix-42/prod/root/0000000000000001",
            "1/1/shop/fix-42/prod/clone/1\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
