use super::*;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const TOKYO: &str = "JST-9";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn zone(posix: &str) -> TimeZone {
    TimeZone::posix(posix).unwrap()
}

/// A system with both clocks and a caller that obeys the contract: it calls every minute, at the moment, and when the
/// clock was set.
struct Site {
    schedule: Schedule,
    zone: TimeZone,
    boot: Instant,
    wall: Timestamp,
    fired: Vec<String>,
}

impl Site {
    fn new(at: &str, posix: &str, local: &str) -> Self {
        let (hour, minute) = at.split_once(':').unwrap();
        let at = TimeOfDay {
            hour: hour.parse().unwrap(),
            minute: minute.parse().unwrap(),
        };
        let zone = zone(posix);
        let mut site = Self {
            schedule: Schedule::new(at, zone.clone()),
            boot: Instant::from_millis(17_000),
            wall: moment(&zone, local),
            zone,
            fired: Vec::new(),
        };
        site.call();
        site
    }

    fn call(&mut self) {
        if self.schedule.handle_wall(self.boot, self.wall) {
            self.fired
                .push(self.zone.to_datetime(self.wall).to_string());
        }
    }

    /// Time passes, without a call.
    fn sleep(&mut self, time: Duration) {
        self.boot = self.boot + time;
        self.wall = self.wall.checked_add(time).unwrap();
    }

    fn run(&mut self, time: Duration) {
        let end = self.boot + time;
        while self.boot < end {
            let mut step = MINUTE.min(end.since(self.boot));
            if let Some(next) = self.schedule.next_wall() {
                let until = next.duration_since(self.wall).unsigned_abs();
                step = step.min(until);
            }
            self.sleep(step);
            self.call();
        }
    }

    /// The clock is set.
    fn set(&mut self, local: &str) {
        self.wall = moment(&self.zone, local);
        self.call();
    }
}

fn moment(zone: &TimeZone, local: &str) -> Timestamp {
    zone.to_timestamp(local.parse().unwrap()).unwrap()
}

#[test]
fn fires_every_day_at_the_minute() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T12:00:00");
    site.run(72 * HOUR);
    assert_eq!(
        site.fired,
        [
            "2026-05-02T03:00:00",
            "2026-05-03T03:00:00",
            "2026-05-04T03:00:00"
        ]
    );
    assert_eq!(
        site.schedule.next_wall(),
        Some(moment(&site.zone, "2026-05-05T03:00:00"))
    );
}

#[test]
fn a_schedule_that_has_not_begun_knows_no_next_moment() {
    let at = TimeOfDay { hour: 3, minute: 0 };
    assert_eq!(Schedule::new(at, zone(TOKYO)).next_wall(), None);
}

#[test]
fn a_time_that_does_not_exist_never_fires() {
    let at = TimeOfDay {
        hour: 24,
        minute: 0,
    };
    let mut schedule = Schedule::new(at, zone(TOKYO));
    let wall = moment(&zone(TOKYO), "2026-05-01T12:00:00");
    assert!(!schedule.handle_wall(Instant::ZERO, wall));
    assert!(!schedule.handle_wall(
        Instant::from_origin(48 * HOUR),
        wall.checked_add(48 * HOUR).unwrap()
    ));
    assert_eq!(schedule.next_wall(), None);
}

#[test]
fn a_start_at_exactly_the_minute_does_not_fire() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T03:00:00");
    site.run(23 * HOUR);
    assert!(site.fired.is_empty());
    site.run(2 * HOUR);
    assert_eq!(site.fired, ["2026-05-02T03:00:00"]);
}

#[test]
fn a_start_just_before_the_minute_fires() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T02:59:59.5");
    site.run(MINUTE);
    assert_eq!(site.fired, ["2026-05-01T03:00:00"]);
}

#[test]
fn a_forward_step_over_the_moment_does_not_fire() {
    for (from, to) in [
        ("2026-05-01T02:59:00", "2026-05-01T03:01:00"),
        ("2026-05-01T02:00:00", "2026-05-01T04:00:00"),
        ("2026-05-01T02:00:00", "2026-05-09T12:00:00"),
    ] {
        let mut site = Site::new("03:00", TOKYO, from);
        site.run(Duration::from_secs(10));
        site.set(to);
        site.run(HOUR);
        assert!(site.fired.is_empty(), "{to}");
        site.run(24 * HOUR);
        assert_eq!(site.fired.len(), 1, "{to}");
    }
}

#[test]
fn a_forward_step_to_just_before_the_moment_does_not_miss_it() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T00:00:00");
    site.set("2026-05-01T02:59:59");
    site.run(MINUTE);
    assert_eq!(site.fired, ["2026-05-01T03:00:00"]);
}

#[test]
fn a_gateway_that_boots_in_1970_and_learns_the_time_does_not_fire_by_that() {
    let mut site = Site::new("03:00", TOKYO, "1970-01-01T02:59:30");
    site.run(Duration::from_secs(20));
    site.set("2026-05-01T12:00:00");
    site.run(14 * HOUR);
    assert!(site.fired.is_empty());
    site.run(2 * HOUR);
    assert_eq!(site.fired, ["2026-05-02T03:00:00"]);
}

#[test]
fn a_suspend_over_the_moment_fires_once_at_the_resume() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T01:00:00");
    site.run(HOUR);
    site.sleep(5 * HOUR);
    site.call();
    assert_eq!(site.fired, ["2026-05-01T07:00:00"]);
    site.run(19 * HOUR);
    assert_eq!(site.fired.len(), 1);
    site.run(2 * HOUR);
    assert_eq!(site.fired.len(), 2);
}

#[test]
fn a_suspend_over_days_fires_once() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T01:00:00");
    site.sleep(75 * HOUR);
    site.call();
    assert_eq!(site.fired, ["2026-05-04T04:00:00"]);
    site.run(HOUR);
    assert_eq!(site.fired.len(), 1);
}

#[test]
fn a_suspend_that_ends_with_the_clock_being_set_fires_for_what_was_slept_through() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T01:00:00");
    site.sleep(5 * HOUR);
    site.set("2026-05-01T02:00:00");
    assert_eq!(site.fired, ["2026-05-01T02:00:00"]);
    site.run(20 * HOUR);
    assert_eq!(site.fired.len(), 1, "the same day once more");
}

#[test]
fn a_moment_in_the_gap_of_summer_time_fires_at_the_first_minute_after_it() {
    let mut site = Site::new("02:30", BERLIN, "2026-03-28T12:00:00");
    site.run(48 * HOUR);
    assert_eq!(site.fired, ["2026-03-29T03:00:00", "2026-03-30T02:30:00"]);
}

#[test]
fn the_edges_of_the_gap_fire_at_its_end() {
    for (at, expected) in [
        ("01:59", "2026-03-29T01:59:00"),
        ("02:00", "2026-03-29T03:00:00"),
        ("02:59", "2026-03-29T03:00:00"),
        ("03:00", "2026-03-29T03:00:00"),
        ("03:01", "2026-03-29T03:01:00"),
    ] {
        let mut site = Site::new(at, BERLIN, "2026-03-29T00:00:00");
        site.run(20 * HOUR);
        assert_eq!(site.fired, [expected], "{at}");
    }
}

#[test]
fn a_moment_that_comes_twice_when_summer_time_ends_fires_once() {
    let mut site = Site::new("02:30", BERLIN, "2026-10-24T12:00:00");
    site.run(48 * HOUR);
    // The first 02:30, in summer time: an hour later it is 02:30 again.
    assert_eq!(site.fired, ["2026-10-25T02:30:00", "2026-10-26T02:30:00"]);
    let first = moment(&site.zone, "2026-10-25T01:30:00");
    let mut site = Site::new("02:30", BERLIN, "2026-10-25T01:30:00");
    assert_eq!(
        site.schedule.next_wall(),
        Some(first.checked_add(HOUR).unwrap())
    );
    site.run(3 * HOUR);
    assert_eq!(site.fired, ["2026-10-25T02:30:00"]);
}

/// Samoa left out 30 December 2011.
#[test]
fn a_day_that_is_left_out_does_not_fire_twice_on_the_next() {
    // A zone that goes over the date line as summer time begins, by a whole day.
    let mut site = Site::new(
        "03:00",
        "<-11>11<+13>-13,J363/24,J1/0",
        "2011-12-29T12:00:00",
    );
    site.run(48 * HOUR);
    assert_eq!(
        site.fired
            .iter()
            .filter(|time| time.starts_with("2011-12-31"))
            .count(),
        1,
        "{:?}",
        site.fired
    );
}

#[test]
fn a_backward_step_over_the_moment_does_not_fire_twice_a_day() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T02:00:00");
    site.run(90 * MINUTE);
    assert_eq!(site.fired.len(), 1);
    site.set("2026-05-01T02:30:00");
    site.run(20 * HOUR);
    assert_eq!(site.fired.len(), 1);
    site.run(5 * HOUR);
    assert_eq!(site.fired, ["2026-05-01T03:00:00", "2026-05-02T03:00:00"]);
}

#[test]
fn a_backward_step_into_the_day_before_does_not_fire_again_at_once_and_not_never() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-02T02:00:00");
    site.run(90 * MINUTE);
    site.set("2026-05-01T02:59:00");
    site.run(HOUR);
    assert_eq!(site.fired, ["2026-05-02T03:00:00"]);
    site.run(24 * HOUR);
    assert_eq!(site.fired, ["2026-05-02T03:00:00", "2026-05-02T03:00:00"]);
}

#[test]
fn a_backward_step_by_years_is_recovered_from_within_two_days() {
    let mut site = Site::new("03:00", TOKYO, "2030-01-01T02:00:00");
    site.run(90 * MINUTE);
    site.set("2026-05-01T12:00:00");
    site.run(48 * HOUR);
    assert_eq!(site.fired, ["2030-01-01T03:00:00", "2026-05-03T03:00:00"]);
}

#[test]
fn a_backward_step_that_never_passed_the_moment_does_not_miss_it() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T02:50:00");
    site.set("2026-05-01T02:00:00");
    site.run(2 * HOUR);
    assert_eq!(site.fired, ["2026-05-01T03:00:00"]);
}

#[test]
fn a_clock_that_is_slewed_hard_is_not_taken_for_one_that_was_set() {
    let mut site = Site::new("03:00", TOKYO, "2026-05-01T00:00:00");
    for _ in 0..(4 * 60) {
        site.boot = site.boot + MINUTE;
        site.wall = site.wall.checked_add(Duration::from_secs(65)).unwrap();
        site.call();
    }
    assert_eq!(site.fired.len(), 1);
}

/// Whatever happens to the clock: not twice within a day's worth of real time for the same date, and on days without a
/// step never missed.
#[test]
fn random_steps_and_suspends_never_make_it_fire_twice_for_a_date() {
    use crate::random::Random;
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let mut site = Site::new("03:00", BERLIN, "2026-03-01T00:00:00");
        let mut fires: Vec<(Instant, Timestamp)> = Vec::new();
        for _ in 0..100 {
            let before = site.fired.len();
            match random.below(3) {
                0 => site.run(MINUTE * u32::try_from(random.below(600)).unwrap()),
                1 => {
                    site.sleep(MINUTE * u32::try_from(random.below(600)).unwrap());
                    site.call();
                }
                _ => {
                    let by = i64::try_from(random.below(20 * 3600)).unwrap() - 10 * 3600;
                    site.wall = site
                        .wall
                        .checked_add(SignedDuration::from_secs(by))
                        .unwrap();
                    let fired = site.fired.len();
                    site.call();
                    assert_eq!(site.fired.len(), fired, "a step alone fires nothing");
                }
            }
            assert!(site.fired.len() <= before + 1, "seed {seed}");
            if site.fired.len() > before {
                let moment = site.schedule.fired.unwrap();
                if let Some((at, last)) = fires.last() {
                    assert!(
                        site.boot.since(*at) >= 12 * HOUR || moment.1 > *last,
                        "seed {seed}"
                    );
                }
                fires.push(moment);
            }
        }
        assert!(!fires.is_empty(), "seed {seed}");
    }
}
