//! The texts of `/etc/ppp/resolv.conf` and `/etc/resolv.conf` (resolv.conf(5)).
//!
//! Ours of `/etc/resolv.conf` is made as Debian's `ip-up.d/0000usepeerdns` makes it: the link's servers, then everything
//! of the former file but its `nameserver` lines, so that `search`, `options` and comments stay. One comment line goes in
//! front that names the links.

use std::net::IpAddr;

use super::record::LinkServers;

/// How our first line begins.
const HEADER: &str = "# uplinkd: name servers of ";

/// The libraries take no more from the file (`MAXNS`).
pub const MOST_ASKED: usize = 3;

/// A line for each server.
#[must_use]
pub fn nameserver_lines(servers: &[IpAddr]) -> String {
    servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect()
}

/// The servers of all links, each once, in the order in which the links have come up.
#[must_use]
pub fn servers_of(links: &[LinkServers]) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for server in links.iter().flat_map(|link| &link.servers) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers
}

/// Our text in place of `former`, which may be anything.
#[must_use]
pub fn merged(former: &[u8], links: &[LinkServers]) -> Vec<u8> {
    let names: Vec<&str> = links.iter().map(|link| link.interface.as_str()).collect();
    let mut text = format!(
        "{HEADER}{}. The former file comes back when the link ends.\n",
        names.join(", ")
    )
    .into_bytes();
    text.extend(nameserver_lines(&servers_of(links)).bytes());
    for line in former.split_inclusive(|byte| *byte == b'\n') {
        if !is_nameserver(line) && !line.starts_with(HEADER.as_bytes()) {
            text.extend_from_slice(line);
        }
    }
    text
}

/// Whether a text is one that [`merged`] has made, of any link.
#[must_use]
pub fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEADER.as_bytes())
}

/// The servers in a text, for messages and tests: what cannot be read as an address is left out.
#[must_use]
pub fn servers_in(text: &[u8]) -> Vec<IpAddr> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| is_nameserver(line))
        .filter_map(|line| {
            let line = std::str::from_utf8(line).ok()?;
            line.split_ascii_whitespace().nth(1)?.parse().ok()
        })
        .collect()
}

/// Whether the libraries take a line for one that names a server: the word begins the line.
fn is_nameserver(line: &[u8]) -> bool {
    line.strip_prefix(b"nameserver")
        .and_then(<[u8]>::first)
        .is_some_and(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(interface: &str, servers: &[&str]) -> LinkServers {
        LinkServers {
            interface: interface.to_owned(),
            servers: servers.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn n3_search_options_and_comments_of_the_former_file_stay() {
        let former = "# by hand\nnameserver 192.168.1.1\nnameserver\t192.168.1.2\nsearch lan example.jp\n\
                      #nameserver 8.8.8.8\noptions edns0 timeout:1\nnameserversomething\n";
        let text = merged(
            former.as_bytes(),
            &[link("ppp0", &["192.0.2.53", "198.51.100.53"])],
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "# uplinkd: name servers of ppp0. The former file comes back when the link ends.\n\
             nameserver 192.0.2.53\nnameserver 198.51.100.53\n# by hand\nsearch lan example.jp\n\
             #nameserver 8.8.8.8\noptions edns0 timeout:1\nnameserversomething\n"
        );
    }

    #[test]
    fn n3_a_second_link_adds_its_servers_behind_the_firsts() {
        let links = [
            link("ppp0", &["192.0.2.53", "198.51.100.53"]),
            link("ppp1", &["198.51.100.53", "203.0.113.53"]),
        ];
        let text = String::from_utf8(merged(b"", &links)).unwrap();
        assert_eq!(
            text,
            "# uplinkd: name servers of ppp0, ppp1. The former file comes back when the link ends.\n\
             nameserver 192.0.2.53\nnameserver 198.51.100.53\nnameserver 203.0.113.53\n"
        );
    }

    #[test]
    fn n3_our_own_first_line_does_not_pile_up() {
        let links = [link("ppp0", &["192.0.2.53"])];
        let once = merged(b"search lan", &links);
        assert_eq!(merged(&once, &links), once);
    }

    proptest! {
        #[test]
        fn n3_any_former_text_keeps_all_but_its_servers(former: Vec<u8>, first: u32, second: u32) {
            let servers: Vec<IpAddr> = vec![IpAddr::V4(first.into()), IpAddr::V4(second.into())];
            let links = [LinkServers { interface: "ppp0".to_owned(), servers }];
            let text = merged(&former, &links);
            prop_assert_eq!(servers_in(&text), servers_of(&links));
            // Nothing else is lost or added.
            let kept: Vec<u8> = former
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| !is_nameserver(line))
                .flatten()
                .copied()
                .collect();
            prop_assert!(text.ends_with(&kept));
            prop_assert_eq!(merged(&text, &links), text);
        }

        #[test]
        fn n3_lines_of_resolv_conf_are_read_without_a_panic(
            lines in proptest::collection::vec("(nameserver|search|options|#|;|domain)?[ \t]{0,2}[0-9a-f.:]{0,12}", 0..12)
        ) {
            let former = lines.join("\n");
            let links = [link("ppp0", &["192.0.2.53"])];
            let text = merged(former.as_bytes(), &links);
            prop_assert_eq!(servers_in(&text), servers_of(&links));
        }
    }
}
