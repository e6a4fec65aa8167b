//! The firewall rules that the documentation offers to gateways that forward (spec N2).

use std::path::PathBuf;

use protocol_tests::daemon::PATIENCE;
use protocol_tests::namespace::Namespace;
use protocol_tests::require::{self, Need};

const NFT: &[Need] = &[Need::Program("nft", "nftables")];

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

#[test]
fn n2_the_nftables_examples_load_and_replace_themselves() {
    protocol_tests::require!(require::DAEMON, NFT);
    let namespace = Namespace::new();
    for name in ["nftables-mss.nft", "nftables-nat.nft"] {
        let path = example(name);
        namespace.run(&format!("nft -c -f {}", path.display()));
        namespace.run(&format!("nft -f {}", path.display()));
        let once = namespace.run("nft list ruleset");
        namespace.run(&format!("nft -f {}", path.display()));
        assert_eq!(namespace.run("nft list ruleset"), once, "{name}");
    }
    let rules = namespace.run("nft list ruleset");
    assert!(
        rules.contains("tcp option maxseg size set rt mtu"),
        "{rules}"
    );
    assert!(rules.contains("oifname \"ppp*\" masquerade"), "{rules}");
}

/// A host behind the gateway with an MTU of 1500, and a link with 1000: what leaves carries an MSS that fits.
#[test]
fn n2_the_mss_of_forwarded_connections_fits_the_link() {
    protocol_tests::require!(require::DAEMON, NFT);
    let (gateway, inside) = (Namespace::new(), Namespace::new());
    // As `nsenter --net=/proc/PID/ns/net` has it.
    let command = inside.command("true");
    let path = command.get_args().next().unwrap().to_str().unwrap();
    let pid = path.split('/').nth(2).unwrap();
    for line in [
        &format!("ip link add lan1 type veth peer name eth0 netns {pid}"),
        "ip addr add 172.31.1.1/24 dev lan1",
        "ip link set lan1 up",
        "ip tuntap add dev ppp0 mode tun",
        "ip link set ppp0 mtu 1000 up",
        "ip addr add 10.9.0.1/32 dev ppp0",
        "ip route add 198.51.100.10/32 dev ppp0",
        "sysctl -q -w net.ipv4.ip_forward=1",
        "nft add table ip seen",
        "nft add chain ip seen post { type filter hook postrouting priority 300 ; }",
        "nft add rule ip seen post oifname ppp0 tcp option maxseg size 1460 counter",
        "nft add rule ip seen post oifname ppp0 tcp option maxseg size 960 counter",
    ] {
        gateway.run(line);
    }
    for line in [
        "ip addr add 172.31.1.2/24 dev eth0",
        "ip link set eth0 up",
        "ip route add default via 172.31.1.1",
    ] {
        inside.run(line);
    }
    // Nobody answers; the SYN is what counts.
    let connect = || inside.try_run("busybox nc -w 2 198.51.100.10 80", PATIENCE);
    let counts = || {
        let rules = gateway.run("nft list table ip seen");
        ["1460", "960"].map(|size| {
            let rule = rules
                .lines()
                .find(|line| line.contains(&format!("size {size} ")))
                .unwrap_or_else(|| panic!("{rules}"));
            !rule.contains("packets 0 ")
        })
    };
    connect();
    assert_eq!(counts(), [true, false], "without the rules it does not fit");
    gateway.run(&format!("nft -f {}", example("nftables-mss.nft").display()));
    connect();
    assert_eq!(counts(), [true, true]);
}
