//! What each value of uplinkd.toml may be, and where it goes: chat scripts, hooks, DNS.

use std::ops::Range;
use std::sync::Arc;

use super::Reader;
use super::apply::seconds;
use super::scalar::Scalar;
use super::schema::{Chat, Dns, Scripts};
use crate::chat;
use crate::config::value::{self, Refusal};
use crate::config::{Config, Dialer, DnsConfig, ScriptsConfig};

/// More words than this are not a script.
const MAX_WORDS: usize = 1_000;

/// More variables than this are not for a script.
const MAX_VARIABLES: usize = 64;

/// More DNS servers than this are asked by nobody.
const MAX_SERVERS: usize = 8;

/// The names of a call's keys, in the order of [`Chat`].
struct Names([&'static str; 9]);

/// `[connect]`; `direct`: where `modem.direct` stands.
pub(super) fn dialer(
    reader: &mut Reader<'_, '_>,
    config: &mut Config,
    direct: Option<Range<usize>>,
    given: Chat,
) {
    let names = Names([
        "connect.script",
        "connect.timeout",
        "connect.phone",
        "connect.phone2",
        "connect.verbose",
        "connect.echo",
        "connect.expand",
        "connect.show",
        "connect.char_delay",
    ]);
    let Some(call) = call(reader, &names, given) else {
        return;
    };
    if config.dialer == Dialer::Direct
        && let Some(direct) = direct
    {
        reader.error(
            direct,
            "modem.direct and connect.script do not go together: either nothing is dialed, or the script dials"
                .to_owned(),
            Some("expected one of them".to_owned()),
        );
        return;
    }
    config.dialer = Dialer::Chat(Arc::new(call));
}

/// `[disconnect]`.
pub(super) fn disconnect(reader: &mut Reader<'_, '_>, config: &mut Config, given: Chat) {
    let names = Names([
        "disconnect.script",
        "disconnect.timeout",
        "disconnect.phone",
        "disconnect.phone2",
        "disconnect.verbose",
        "disconnect.echo",
        "disconnect.expand",
        "disconnect.show",
        "disconnect.char_delay",
    ]);
    // A peers file may have one.
    if let Some(call) = call(reader, &names, given) {
        config.disconnect = Some(Arc::new(call));
    }
}

/// A call of chat(8), if there is a script.
fn call(reader: &mut Reader<'_, '_>, names: &Names, given: Chat) -> Option<chat::Call> {
    let Chat {
        script,
        timeout,
        phone,
        phone2,
        verbose,
        echo,
        expand,
        show,
        char_delay,
    } = given;
    let [
        script_name,
        timeout_name,
        phone_name,
        phone2_name,
        verbose_name,
        echo_name,
        expand_name,
        show_name,
        delay_name,
    ] = names.0;
    let said: Vec<(&str, Range<usize>)> = [
        (timeout_name, &timeout),
        (phone_name, &phone),
        (phone2_name, &phone2),
        (verbose_name, &verbose),
        (echo_name, &echo),
        (expand_name, &expand),
        (show_name, &show),
        (delay_name, &char_delay),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_ref()?.span())))
    .collect();
    let has_script = script.is_some();

    let mut words: Vec<String> = Vec::new();
    reader.set(script_name, script, &mut words, |words: &Vec<String>| {
        words_of(words)
    });
    let mut options = chat::Options::default();
    reader.set(timeout_name, timeout, &mut options.timeout, |value| {
        value.time(&seconds(1.0, 3_600))
    });
    reader.set(phone_name, phone, &mut options.phone, |value| {
        value.unless_empty(value::script_argument)
    });
    reader.set(phone2_name, phone2, &mut options.phone2, |value| {
        value.unless_empty(value::script_argument)
    });
    reader.set(verbose_name, verbose, &mut options.verbose, Scalar::truth);
    reader.set(echo_name, echo, &mut options.echo, Scalar::truth);
    reader.set(expand_name, expand, &mut options.expand, Scalar::truth);
    reader.set(show_name, show, &mut options.show, Scalar::truth);
    reader.set(delay_name, char_delay, &mut options.char_delay, |value| {
        value.time_or_zero(&seconds(0.001, 60))
    });
    if !has_script {
        for (name, span) in said {
            reader.warning(
                span,
                format!("{name} does nothing, because {script_name} is not set"),
                format!("expected {script_name} too"),
            );
        }
    }
    (!words.is_empty()).then(|| chat::Call {
        script: chat::Script::from_words(words),
        options,
    })
}

fn words_of(words: &[String]) -> Result<Vec<String>, Refusal> {
    if words.len() > MAX_WORDS {
        let what = format!("these are {} words", words.len());
        return Err(Refusal::new(what, format!("at most {MAX_WORDS}")));
    }
    words
        .iter()
        .map(|word| value::chat_word(word).map(|()| word.clone()))
        .collect()
}

/// `[scripts]`.
pub(super) fn scripts(reader: &mut Reader<'_, '_>, scripts: &mut ScriptsConfig, given: Scripts) {
    reader.set(
        "scripts.enabled",
        given.enabled,
        &mut scripts.enabled,
        Scalar::truth,
    );
    reader.set(
        "scripts.timeout",
        given.timeout,
        &mut scripts.timeout,
        |value| value.time(&seconds(1.0, 86_400)),
    );
    reader.set(
        "scripts.ip_pre_up",
        given.ip_pre_up,
        &mut scripts.ip_pre_up,
        |value| value.unless_empty(value::script),
    );
    reader.set("scripts.ip_up", given.ip_up, &mut scripts.ip_up, |value| {
        value.unless_empty(value::script)
    });
    reader.set(
        "scripts.ip_down",
        given.ip_down,
        &mut scripts.ip_down,
        |value| value.unless_empty(value::script),
    );
    reader.set(
        "scripts.ipparam",
        given.ipparam,
        &mut scripts.ipparam,
        |value| value.unless_empty(value::script_argument),
    );
    reader.set(
        "scripts.linkname",
        given.linkname,
        &mut scripts.linkname,
        |value| value.unless_empty(value::link_name),
    );
    reader.set(
        "scripts.environment",
        given.environment,
        &mut scripts.environment,
        |variables: &Vec<String>| {
            let variables = at_most(variables, MAX_VARIABLES, "variables")?;
            variables.iter().map(|text| value::variable(text)).collect()
        },
    );
    reader.set(
        "scripts.call_file",
        given.call_file,
        &mut scripts.call_file,
        |value| value.unless_empty(value::script_argument),
    );
}

/// `[dns]`.
pub(super) fn dns(reader: &mut Reader<'_, '_>, dns: &mut DnsConfig, given: Dns) {
    reader.set("dns.manager", given.manager, &mut dns.manager, |value| {
        value::dns_manager(value.text()?)
    });
    reader.set(
        "dns.use_peer",
        given.use_peer,
        &mut dns.use_peer,
        Scalar::truth,
    );
    reader.set(
        "dns.fallback",
        given.fallback,
        &mut dns.fallback,
        |servers: &Vec<String>| {
            let servers = at_most(servers, MAX_SERVERS, "servers")?;
            servers.iter().map(|text| value::dns_server(text)).collect()
        },
    );
}

fn at_most<'a>(list: &'a [String], most: usize, what: &str) -> Result<&'a [String], Refusal> {
    if list.len() <= most {
        return Ok(list);
    }
    let found = format!("these are {} {what}", list.len());
    Err(Refusal::new(found, format!("at most {most}")))
}
