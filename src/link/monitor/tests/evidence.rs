//! What counts as a sign of life, what as a loss, and what as neither.

use proptest::prelude::*;

use super::*;

#[test]
fn dead_dns_is_no_dead_link() {
    for said in [
        None,
        Some(Err(LookupError::NoSuchName)),
        Some(Err(LookupError::Refused { code: 2 })),
    ] {
        let mut world = World::new(plan());
        world.dns = said;
        world.others = vec![DNS];
        world.run(126);
        assert_eq!((world.answered, world.cuts.len()), (4, 0));
        let log = world.said();
        let unresolved = |line: &&String| line.contains("cannot resolve");
        assert_eq!(log.iter().filter(unresolved).count(), 1, "{log:?}");
        assert!(
            log[3].ends_with("; the monitor uses 192.0.2.53 meanwhile"),
            "{log:?}"
        );
        // It comes back: the target takes its place.
        world.dns = Some(Ok(TARGET));
        world.run(151);
        world.route[0].pings = false;
        world.run(200);
        assert!(
            world.echoes.contains(&(185, TARGET, None)),
            "{:?}",
            world.echoes
        );
    }
}

#[test]
fn without_any_address_nothing_is_sent_and_nothing_is_cut() {
    let mut world = World::new(MonitorPlan {
        dns: [None, None],
        peer: None,
        ..plan()
    });
    world.run(1000);
    assert_eq!(
        world.said()[3..],
        [
            "30 ppp_monitor: cannot resolve www.example.jp: the network named no DNS server; nothing is pinged until that works"
        ]
    );
    assert_eq!(
        (world.echoes, world.lookups, world.cuts),
        (vec![], vec![], vec![])
    );
}

#[test]
fn received_packets_count_as_life_where_that_is_set() {
    let payload = MonitorPlan {
        payload_is_life: true,
        ..plan()
    };
    let mut world = World::new(payload.clone());
    world.target_pings = false;
    world.route.clear();
    for second in 1..10 {
        world.received += 1;
        world.run(second * 30 + 10);
    }
    assert_eq!((world.answered, world.cuts.len()), (9, 0));
    assert_eq!(world.echoes, []);
    assert_eq!(
        world.said()[3],
        "30 ppp_monitor: packets were received, no ping to www.example.jp is needed."
    );
    // Not a packet more: pings, and then the cut.
    world.dead = true;
    world.run(1000);
    assert_eq!(world.cuts.len(), 1);
    // Where it is not set, packets prove nothing.
    let mut world = World::new(plan());
    world.dead = true;
    for second in 1..10 {
        world.received += 1;
        world.run(second * 30 + 10);
    }
    assert_eq!((world.answered, world.cuts.len()), (0, 1));
}

#[test]
fn a_packet_that_comes_while_a_ping_is_lost_counts_too() {
    let mut world = World::new(MonitorPlan {
        payload_is_life: true,
        ..fixed()
    });
    world.dead = true;
    world.run(36);
    assert_eq!(world.echoes.len(), 1);
    world.received += 1;
    world.run(59);
    assert_eq!((world.answered, world.cuts.len()), (1, 0));
}

#[test]
fn what_cannot_be_sent_is_said_once_and_cuts_nothing() {
    for plan in [plan(), fixed()] {
        let mut world = World::new(plan);
        world.refuses = Some("Operation not permitted");
        world.run(1000);
        assert_eq!(world.cuts, []);
        assert_eq!(
            world.said()[3..],
            ["30 ppp_monitor: ping to www.example.jp cannot be sent: Operation not permitted"]
        );
        world.refuses = None;
        world.run(1025);
        assert_eq!(world.answered, 1);
        // And after that, a dead link is still a dead link.
        world.dead = true;
        world.run(2000);
        assert_eq!(world.cuts.len(), 1);
    }
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut world = World::new(fixed());
    world.dead = true;
    let reply = |from| EchoAnswer::Reply { from };
    let tell = |world: &mut World, sequence, answer| {
        world.tell(MonitorInput::Echo { sequence, answer });
    };
    tell(&mut world, 1, reply(TARGET));
    world.tell(MonitorInput::Resolved(Ok(FIRST)));
    world.dns = Some(Ok(TARGET));
    world.dead = false;
    world.run(30);
    world.dead = true;
    assert_eq!(world.echoes, []);
    world.run(31);
    // The wrong number, and an old one later; the wrong host is as good as none.
    tell(&mut world, 9, reply(TARGET));
    world.run(60);
    tell(&mut world, 1, reply(TARGET));
    assert_eq!(world.answered, 0);
}

#[test]
fn a_reply_of_another_host_proves_nothing() {
    let mut world = World::new(fixed());
    world.target_pings = false;
    world.run(31);
    let answer = EchoAnswer::Reply { from: FIRST };
    world.tell(MonitorInput::Echo {
        sequence: 1,
        answer,
    });
    assert_eq!(
        world.said()[3..],
        ["31 ppp_monitor: ping to www.example.jp failed (1/2)."]
    );
}

proptest! {
    /// Whatever a network answers, and whenever: at most so many requests, no answer counts twice, one cut, and the
    /// row of lost rounds before it.
    #[test]
    fn no_network_disturbs_it(
        inputs in proptest::collection::vec((0_u64..40_000, 0_u16..80, 0_u8..8, any::<u32>()), 0..200),
        fixed_target: bool,
        payload_is_life: bool,
    ) {
        let mut world = World::new(MonitorPlan { fixed_target, payload_is_life, ..plan() });
        world.dead = true;
        let mut second = 0;
        for (wait, sequence, kind, bits) in inputs {
            second += wait / 1000;
            world.run(second);
            let from = if bits % 3 == 0 { FIRST } else { Ipv4Addr::from(bits) };
            let answer = match kind {
                0 => EchoAnswer::Reply { from },
                1 => EchoAnswer::Reply { from: TARGET },
                2 | 3 => EchoAnswer::TimeExceeded { from },
                4 => EchoAnswer::Unreachable { from },
                5 => EchoAnswer::NotSent { why: "no".to_owned() },
                6 => {
                    world.tell(MonitorInput::Resolved(Ok(from)));
                    continue;
                }
                _ => {
                    world.received += u64::from(bits);
                    continue;
                }
            };
            world.tell(MonitorInput::Echo { sequence, answer });
        }
        world.run(second + 100_000);
        let rounds = usize::try_from(second / 30 + 3).unwrap();
        prop_assert!(world.echoes.len() <= rounds * 64);
        prop_assert_eq!(world.cuts.len(), 1);
        prop_assert_eq!(world.monitor.poll_timeout(), None);
    }
}
