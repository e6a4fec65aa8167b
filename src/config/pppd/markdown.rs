//! The page about pppd's options, as it stands in the documentation.

use std::fmt::Write;

use super::table::{self, Argument, F4, Group, PARTS, Planned, Row, Service};

/// `docs/pppd-options.md`.
pub(in crate::config) fn options() -> String {
    let mut page = INTRODUCTION.to_owned();
    let count = |wanted: &str| table::rows().filter(|row| service(row) == wanted).count();
    let _ = writeln!(
        page,
        "\n{} options: {} {HONOURED}, {} {ALWAYS}, {} {NAMED}, {} {REFUSED}.",
        table::rows().count(),
        count(HONOURED),
        count(ALWAYS),
        count(NAMED),
        table::rows().count() - count(HONOURED) - count(ALWAYS) - count(NAMED),
    );
    for (file, rows) in PARTS {
        let _ = writeln!(
            page,
            "\n## {file}\n\n| option | behind it | the service | as `pppd` (planned) | |\n|---|---|---|---|---|"
        );
        for row in rows {
            let name = if row.is_shape() {
                format!("({})", row.name)
            } else {
                format!("`{}`", row.name)
            };
            let _ = writeln!(
                page,
                "| {name} | {} | {} | {} | {} |",
                argument(row.argument),
                service(row),
                planned(row.f4),
                row.note
            );
        }
    }
    page
}

const HONOURED: &str = "honoured";
const ALWAYS: &str = "always so";
const NAMED: &str = "named in a warning";
const REFUSED: &str = "refused";

const INTRODUCTION: &str = "\
# pppd's options

<!-- Generated from the table in src/config/pppd/table: UPDATE=1 cargo test the_page_of_options -->

With `PROVIDER=NAME` the link's options come from `/etc/ppp/options`, `/etc/ppp/options.TTY` and `/etc/ppp/peers/NAME`, in
this order, a later one above an earlier one; `call` and `file` are read where they stand. Words are taken apart as pppd
2.4.9 does it. This page says what becomes of each of its options, and of those that 2.5 has added (spec F1, F4).

| the service | what that means |
|---|---|
| honoured | what it says is done |
| always so | what it says is so in any case; nothing is said about it |
| named in a warning | it does not matter here, and the start goes on |
| refused | it would change what happens, and cannot be done: the start is refused with the option's file, line and column |
| refused if in force | likewise, unless a later option takes it back (`auth` in Debian's `/etc/ppp/options`, and `noauth` in the peers file) |

Not read: `.ppprc`, which belongs to a person, and options behind `--` in a secrets file, which concern a server.
";

fn argument(argument: Argument) -> &'static str {
    match argument {
        Argument::None => "",
        Argument::Number => "number",
        Argument::Hex => "hexadecimal number",
        Argument::Text => "word",
        Argument::Path => "file",
        Argument::Command => "command",
        Argument::Secret => "password",
    }
}

fn service(row: &Row) -> &'static str {
    match row.service {
        Service::Honour => HONOURED,
        Service::Always => ALWAYS,
        Service::Warn => NAMED,
        Service::Refuse => REFUSED,
        Service::RefuseIfInForce(Group::Auth | Group::Multilink | Group::Mppe) => {
            "refused if in force"
        }
        Service::TakesBack(Group::Auth | Group::Multilink | Group::Mppe) => ALWAYS,
    }
}

fn planned(f4: F4) -> &'static str {
    match f4 {
        F4::Later(Planned::Honour) => "honoured",
        F4::Later(Planned::Accept) => "accepted",
        F4::Later(Planned::Refuse) => "refused",
    }
}
