//! A way through real routers: network namespaces of the kernel, one after the other, linked by
//! veth pairs.
//!
//! ```text
//! the test's    10.1.0.2 -- 10.1.0.1  router  10.2.0.1 -- 10.2.0.2  router  10.3.0.1 -- 10.3.0.2
//! namespace     (ppp7)                   1                             2                target
//! ```

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, RCODE, ResourceRecord};

use super::ip;

/// The interface of the test's namespace.
pub(crate) const INTERFACE: &str = "ppp7";
pub(crate) const ROUTER_1: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// The side that answers us.
pub(crate) const ROUTER_2: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 2);
pub(crate) const TARGET: Ipv4Addr = Ipv4Addr::new(10, 3, 0, 2);
/// What the name server on the target knows.
pub(crate) const NAME: &str = "www.example.jp";

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own, which ends with it.
pub(crate) struct Host {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    id: i32,
}

impl Host {
    fn new() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (started, id) = mpsc::channel();
        let thread = thread::spawn(move || {
            // SAFETY: CLONE_NEWNET does not touch the file descriptor table.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
            started.send(gettid().as_raw_nonzero().get()).unwrap();
            for job in queue {
                job();
            }
        });
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
            id: id.recv().unwrap(),
        }
    }

    /// Runs `job` there and waits for its end.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let (done, wait) = mpsc::channel();
        let job = move || {
            job();
            done.send(()).unwrap();
        };
        self.jobs.as_ref().unwrap().send(Box::new(job)).unwrap();
        wait.recv().unwrap();
    }

    /// Links `left` (the calling thread's namespace if `None`) with `right`.
    fn link(left: Option<&Self>, right: &Self, name: &'static str, addresses: [&'static str; 2]) {
        let id = right.id;
        let up = move |name: &str, address: &str| {
            ip(&format!("addr add {address}/24 dev {name}"));
            ip(&format!("link set {name} up"));
        };
        let make = move || {
            ip(&format!(
                "link add {name} type veth peer name left netns {id}"
            ));
            up(name, addresses[0]);
        };
        match left {
            Some(left) => left.run(make),
            None => make(),
        }
        right.run(move || up("left", addresses[1]));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let result = self.thread.take().unwrap().join();
        if !thread::panicking() {
            result.unwrap();
        }
    }
}

/// The routers and the target.
pub(crate) struct Route {
    pub(crate) routers: [Host; 2],
    pub(crate) target: Host,
}

impl Route {
    /// Builds it, to be called in the namespace of the test. Routes there lead elsewhere: only who
    /// binds to the interface takes this way.
    pub(crate) fn new() -> Self {
        let (routers, target) = ([Host::new(), Host::new()], Host::new());
        Host::link(None, &routers[0], INTERFACE, ["10.1.0.2", "10.1.0.1"]);
        let right = ["10.2.0.1", "10.2.0.2"];
        Host::link(Some(&routers[0]), &routers[1], "right", right);
        Host::link(
            Some(&routers[1]),
            &target,
            "right",
            ["10.3.0.1", "10.3.0.2"],
        );
        ip("route add default via 10.1.0.1 dev ppp7 metric 500");
        ip("link set lo up");
        ip("route add 10.3.0.0/24 dev lo metric 1");
        let forward = || fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        routers[0].run(move || {
            forward();
            ip("route add default via 10.2.0.2");
        });
        routers[1].run(move || {
            forward();
            ip("route add default via 10.2.0.1");
        });
        target.run(|| drop(ip("route add default via 10.3.0.1")));
        Self { routers, target }
    }

    /// Has the target's name server answer so many questions, each by what `answer` makes of it.
    pub(crate) fn serve(
        &self,
        questions: usize,
        answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) {
        self.target.run(move || {
            let socket = UdpSocket::bind((TARGET, 53)).unwrap();
            // A new thread is in the namespace of its maker.
            thread::spawn(move || {
                let mut query = [0; 512];
                for _ in 0..questions {
                    let Ok((length, from)) = socket.recv_from(&mut query) else {
                        return;
                    };
                    for datagram in answer(&query[..length]) {
                        let _ = socket.send_to(&datagram, from);
                    }
                }
            });
        });
    }
}

/// Takes the kernel's answers to pings away from a host.
pub(crate) fn no_ping() {
    fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").unwrap();
}

/// The name server's answer to `query`: the target's address, or that there is no such name.
pub(crate) fn dns_answer(query: &[u8]) -> Vec<u8> {
    let query = Packet::parse(query).unwrap();
    let question = query.questions[0].clone();
    let mut reply = Packet::new_reply(query.id());
    if question.qname.to_string() == NAME {
        let (name, data) = (question.qname.clone(), RData::A(A::from(TARGET)));
        let record = ResourceRecord::new(name, CLASS::IN, 60, data);
        reply.answers.push(record);
    } else {
        *reply.rcode_mut() = RCODE::NameError;
    }
    reply.questions.push(question);
    reply.build_bytes_vec().unwrap()
}
