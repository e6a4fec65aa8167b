use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::link::hooks::{LinkFacts, LinkTotals};
use crate::ppp::Ipv4Settings;

struct Bench {
    dir: PathBuf,
    scripts: Scripts,
}

impl Bench {
    fn new(name: &str, timeout: Duration, scripts: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir().join(format!("uplinkd-hooks-{name}-{}", std::process::id()));
        for (name, text) in scripts {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("#!/bin/sh\ncd {}\n{text}\n", dir.display());
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let setup = HooksSetup {
            enabled: true,
            ppp_dir: dir.clone(),
            ip_pre_up: None,
            ip_up: None,
            ip_down: None,
            interface: "ppp0".to_owned(),
            unit: 0,
            ipparam: None,
            linkname: None,
            call_file: None,
            environment: Vec::new(),
            use_peer_dns: true,
            pid: 1,
            uid: 0,
            login: "root".to_owned(),
        };
        let record = dir.join("record.json");
        let scripts = Scripts::new(setup, Runner::direct(emit), timeout, record);
        Self { dir, scripts }
    }

    fn up(&self) {
        self.scripts.tell(|hooks| {
            hooks.handle_up(LinkFacts {
                tty: "/dev/ttyUSB0".to_owned(),
                speed: 460_800,
                settings: Ipv4Settings {
                    local: [10, 0, 0, 2].into(),
                    remote: None,
                    dns: [None, None],
                    mtu: 1500,
                },
                former: None,
                peer: None,
            });
        });
    }

    fn down(&self) {
        let totals = LinkTotals {
            connected: Duration::from_secs(1),
            sent: 1,
            received: 2,
        };
        self.scripts.tell(|hooks| hooks.handle_down(Some(totals)));
    }

    /// What the scripts have written.
    fn story(&self) -> String {
        fs::read_to_string(self.dir.join("story")).unwrap_or_default()
    }

    fn run(&self, test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let dns = Dns::of_nobody();
            tokio::select! {
                () = self.scripts.run(&dns) => unreachable!("it never ends"),
                () = test => {}
                () = tokio::time::sleep(Duration::from_secs(30)) => panic!("{}", self.story()),
            }
        });
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

const SAY: &str = "echo \"begin $0\" | sed 's,/[^ ]*/,,' >> story";

#[test]
fn a_script_that_takes_too_long_is_ended_and_the_next_has_its_turn() {
    let slow = format!("{SAY}; exec sleep 1000");
    let scripts = [("ip-up", slow.as_str()), ("ip-down", SAY)];
    let bench = Bench::new("timeout", Duration::from_secs(2), &scripts);
    bench.run(async {
        bench.up();
        bench.scripts.up_begun().await;
        bench.down();
        bench.scripts.idle().await;
    });
    assert_eq!(bench.story(), "begin ip-up\nbegin ip-down\n");
    assert!(!bench.dir.join("record.json").exists());
}

#[test]
fn the_time_of_a_folder_is_that_of_one_script() {
    let slow = format!("{SAY}; exec sleep 1000");
    let scripts = [
        ("ip-up.d/1", SAY),
        ("ip-up.d/2", slow.as_str()),
        ("ip-up.d/3", SAY),
    ];
    let bench = Bench::new("folder", Duration::from_secs(2), &scripts);
    bench.run(async {
        bench.up();
        bench.scripts.idle().await;
    });
    assert_eq!(bench.story(), "begin 1\nbegin 2\n");
}

#[test]
fn what_is_owed_is_noted_while_it_is_owed() {
    let bench = Bench::new("owed", Duration::from_secs(20), &[("ip-down", SAY)]);
    let record = bench.dir.join("record.json");
    bench.run(async {
        bench.up();
        bench.scripts.idle().await;
        let run: Run = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        assert_eq!(run.script, Script::IpDown);
        // `set NAME=VALUE` may be a password.
        let mode = fs::metadata(&record).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        bench.down();
        bench.scripts.idle().await;
        assert!(!record.exists());
    });
    assert_eq!(bench.story(), "begin ip-down\n");
    // What was not written by us is thrown away.
    for text in [
        "",
        "{",
        "{\"script\":\"ip-up\",\"arguments\":[],\"environment\":[]}",
    ] {
        fs::write(&record, text).unwrap();
        bench.scripts.recover();
        assert!(!record.exists(), "{text}");
    }
    assert!(bench.scripts.hooks.borrow().is_idle());
    // Without scripts there is nothing to be owed.
    let bench = Bench::new("nothing", Duration::from_secs(20), &[("readme", "")]);
    bench.run(async {
        bench.up();
        bench.scripts.idle().await;
        assert!(!bench.dir.join("record.json").exists());
    });
}

#[test]
fn the_end_waits_for_a_while_and_the_second_asking_for_less() {
    let stubborn = format!("{SAY}; exec sleep 1000");
    let scripts = [("ip-up", stubborn.as_str()), ("ip-down", SAY)];
    let bench = Bench::new("end", Duration::from_secs(1000), &scripts);
    let started = Instant::now();
    bench.run(async {
        bench.up();
        while bench.story().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bench.scripts.end();
        bench.scripts.hurry();
        bench.scripts.idle().await;
    });
    assert!(started.elapsed() < CHILD_WAIT);
    assert_eq!(bench.story(), "begin ip-up\nbegin ip-down\n");
}

#[test]
fn the_end_of_ip_down_waits_for_the_monitor_of_its_own_link_only() {
    let scripts = [("ip-down", "echo done >> story")];
    let bench = Bench::new("monitor", Duration::from_secs(20), &scripts);
    bench.run(async {
        bench.up();
        bench.scripts.up_begun().await;
        bench.scripts.set_watched(true);
        bench.down();
        bench.scripts.unwatch_wanted().await;
        assert!(!bench.scripts.hooks.borrow().is_idle());
        bench.scripts.set_watched(false);
        bench.scripts.idle().await;
        // The next link's monitor begins while ip-down runs.
        bench.up();
        bench.down();
        bench.scripts.begun().await;
        bench.scripts.set_watched(true);
        bench.scripts.idle().await;
        assert!(!bench.scripts.unwatch.get());
    });
    assert_eq!(bench.story(), "done\ndone\n");
}
