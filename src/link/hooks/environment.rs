//! Arguments and environment of a script, as pppd 2.4.9 gives them.
//!
//! pppd's environment is empty but for what it sets itself (`script_setenv`), so there is no PATH: a shell takes the one
//! it was built with. A variable of `set` goes before pppd's own of that name (`update_script_environment`).

use std::net::Ipv4Addr;

use super::{HooksSetup, LinkFacts, LinkTotals, Run, Script};

/// The script for that link.
pub(super) fn run(
    setup: &HooksSetup,
    script: Script,
    link: &LinkFacts,
    totals: Option<LinkTotals>,
) -> Run {
    Run {
        script,
        arguments: arguments(setup, script, link),
        environment: environment(setup, link, totals),
    }
}

fn arguments(setup: &HooksSetup, script: Script, link: &LinkFacts) -> Vec<String> {
    let interface = setup.interface.clone();
    let (tty, speed) = (link.tty.clone(), link.speed.to_string());
    match script {
        Script::IpPreUp | Script::IpUp | Script::IpDown => {
            let settings = &link.settings;
            let remote = settings.remote.unwrap_or(Ipv4Addr::UNSPECIFIED);
            let addresses = [settings.local.to_string(), remote.to_string()];
            let mut arguments = vec![interface, tty, speed];
            arguments.extend(addresses);
            arguments.extend(setup.ipparam.clone());
            arguments
        }
        Script::AuthUp | Script::AuthDown => {
            let peer = link.peer.clone().unwrap_or_default();
            vec![interface, peer, setup.login.clone(), tty, speed]
        }
    }
}

fn environment(
    setup: &HooksSetup,
    link: &LinkFacts,
    totals: Option<LinkTotals>,
) -> Vec<(String, String)> {
    let settings = &link.settings;
    let known = |address: Ipv4Addr| (!address.is_unspecified()).then(|| address.to_string());
    let changed = |old: Option<Ipv4Addr>, new: Option<Ipv4Addr>| old.filter(|_| old != new);
    let former = link.former;
    let old_local = changed(former.map(|former| former.local), Some(settings.local));
    let old_remote = changed(former.and_then(|former| former.remote), settings.remote);
    let [first, second] = settings.dns;
    let uses_dns = setup.use_peer_dns && (first.is_some() || second.is_some());
    let seconds = totals.map(|totals| totals.connected.as_secs().to_string());
    let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
    let number = |value: u64| value.to_string();
    let own = [
        ("ORIG_UID", Some(setup.uid.to_string())),
        ("PPPLOGNAME", Some(setup.login.clone())),
        ("CALL_FILE", setup.call_file.clone()),
        ("DEVICE", text(&link.tty)),
        ("PPPD_PID", Some(setup.pid.to_string())),
        ("LINKNAME", setup.linkname.clone()),
        ("SPEED", Some(link.speed.to_string())),
        ("IFNAME", Some(setup.interface.clone())),
        ("UNIT", Some(setup.unit.to_string())),
        ("PEERNAME", link.peer.clone()),
        ("IPLOCAL", known(settings.local)),
        ("IPREMOTE", settings.remote.and_then(known)),
        ("DNS1", first.map(|server| server.to_string())),
        ("DNS2", second.map(|server| server.to_string())),
        ("USEPEERDNS", uses_dns.then(|| "1".to_owned())),
        ("OLDIPLOCAL", old_local.map(|old| old.to_string())),
        ("OLDIPREMOTE", old_remote.map(|old| old.to_string())),
        ("CONNECT_TIME", seconds),
        ("BYTES_SENT", totals.map(|totals| number(totals.sent))),
        ("BYTES_RCVD", totals.map(|totals| number(totals.received))),
    ];
    let mut environment: Vec<(String, String)> = own
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    for (name, value) in &setup.environment {
        set(&mut environment, name, value);
    }
    environment
}

/// Sets a variable, in the place of one of that name.
pub(super) fn set(environment: &mut Vec<(String, String)>, name: &str, value: &str) {
    match environment.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => environment.push((name.to_owned(), value.to_owned())),
    }
}
