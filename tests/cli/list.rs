//! `envclone list`, `show` and `url`: what there is, told without looking at the pool.

use std::path::Path;

use crate::host::{Host, ended};

fn configured() -> Host {
    let host = Host::new();
    // There is no such pool.
    host.configure(
        Path::new("/srv/no-such-pool"),
        Path::new("/srv/no-such-pool/shop"),
    );
    host
}

#[test]
fn what_is_declared_is_listed_also_while_the_pool_is_not_mounted() {
    let host = configured();
    assert_eq!(
        host.run(&["list"]),
        ended(0, "prod  production   ready     original\n", "")
    );
    assert_eq!(
        host.run(&["list", "--json"]),
        ended(
            0,
            r#"{
  "environments": [
    {
      "created_at": null,
      "expires_at": null,
      "name": "prod",
      "parent": null,
      "sanitized": false,
      "state": "ready",
      "stopped_because": null,
      "type": "production"
    }
  ],
  "schema": 1
}
"#,
            ""
        )
    );
}

#[test]
fn production_is_shown_and_nothing_of_it_is_handed_out() {
    let host = configured();
    assert_eq!(
        host.run(&["show", "prod"]),
        ended(
            0,
            "name        prod\ntype        production\nstate       ready\nsanitized   false\nservice     uploads: files\n",
            ""
        )
    );
    assert_eq!(
        host.run(&["url", "prod"]),
        ended(
            2,
            "",
            "error: prod is the original; envclone does not hand out the URL of what it did not make\n"
        )
    );
    for (args, action) in [
        (["logs", "prod", "db"].as_slice(), "show the logs of"),
        (&["exec", "prod", "db", "--", "id"], "enter"),
        (&["connect", "prod", "db"], "enter"),
    ] {
        let expected =
            format!("error: prod is the original; envclone does not {action} what it did not make\n");
        assert_eq!(host.run(args), ended(2, "", &expected), "{args:?}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let host = configured();
    let expected = "error: there is no environment fix-42; `envclone list` shows those that there are\n";
    assert_eq!(host.run(&["show", "fix-42"]), ended(2, "", expected));
    assert_eq!(host.run(&["url", "fix-42"]), ended(2, "", expected));
    assert_eq!(
        host.run(&["show", "fix-42", "--json"]).stderr,
        "{\"error\":{\"causes\":[],\"code\":2,\"hint\":null,\"left\":[],\"message\":\"there is no environment fix-42; \
         `envclone list` shows those that there are\"}}\n"
    );
}
