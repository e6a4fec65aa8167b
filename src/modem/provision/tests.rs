use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::modem::profile::Profiles;

fn plan() -> BringupPlan {
    BringupPlan {
        profile: None,
        profiles: Arc::new(Profiles::built_in()),
        apn: Some("sora.io".to_owned()),
        pdp_type: "IP".to_owned(),
        auth: ContextAuth::Pap,
        account: "sora".to_owned(),
        password: Secret::new("sora"),
        pin: None,
        netmode: None,
        carrier: None,
        dial: None,
        command_timeout: Duration::from_secs(30),
        dial_timeout: None,
        registration_timeout: None,
        connect_ok: false,
        provisioning_limit: 4,
        memory: Memory::default(),
        wall: 1_800_000_000,
        prepare: true,
        said: false,
    }
}

fn of(plan: &BringupPlan, profile: &str) -> Provisioning {
    Provisioning::of(plan, &plan.profiles.get(profile).unwrap())
}

/// Spec D1: only the LISA-U200 wants the type of authentication before the APN.
#[test]
fn the_apn_is_prefixed_for_one_model_only() {
    let context = |plan: &BringupPlan, profile| of(plan, profile).context.unwrap();
    let plan = plan();
    assert_eq!(
        context(&plan, "LISA-U200"),
        "AT+CGDCONT=1,\"IP\",\"PAP:sora.io\""
    );
    for profile in ["generic", "u-blox", "KYM11", "UM03-KO", "LN940A"] {
        assert_eq!(
            context(&plan, profile),
            "AT+CGDCONT=1,\"IP\",\"sora.io\"",
            "{profile}"
        );
    }
    let without = BringupPlan {
        account: String::new(),
        ..plan
    };
    assert_eq!(
        context(&without, "LISA-U200"),
        "AT+CGDCONT=1,\"IP\",\"sora.io\""
    );
}

#[test]
fn the_account_goes_only_where_it_is_wanted() {
    let plan = plan();
    assert_eq!(of(&plan, "LISA-U200").account, [""; 0]);
    assert_eq!(
        of(&plan, "AMM570").account,
        ["AT$QCPDPP=1,3,\"sora\",\"sora\""]
    );
    assert_eq!(of(&plan, "AMM570").count(), 2);
    let none = BringupPlan {
        auth: ContextAuth::None,
        ..plan.clone()
    };
    assert_eq!(of(&none, "AMM570").account, [""; 0]);
    let unclean = BringupPlan {
        account: "a\"b".to_owned(),
        ..plan
    };
    assert!(of(&unclean, "AMM570").unclean && !of(&unclean, "KYM11").unclean);
}

#[test]
fn other_settings_sims_and_modems_have_other_fingerprints() {
    let base = plan();
    let change = |change: fn(&mut BringupPlan)| {
        let mut plan = base.clone();
        change(&mut plan);
        Fingerprints::of(&plan, Some("89"), Some("35"))
    };
    let all = [
        change(|_| {}),
        change(|plan| plan.apn = None),
        change(|plan| plan.pdp_type = "PPP".to_owned()),
        change(|plan| plan.account = "x".to_owned()),
        change(|plan| plan.password = Secret::new("x")),
        change(|plan| plan.auth = ContextAuth::Chap),
        Fingerprints::of(&base, Some("88"), Some("35")),
        Fingerprints::of(&base, Some("89"), None),
    ];
    for (n, one) in all.iter().enumerate() {
        assert!(
            all.iter()
                .skip(n + 1)
                .all(|other| other.settings != one.settings)
        );
    }
}

#[test]
fn writes_are_judged() {
    let prints = Fingerprints::of(&plan(), Some("89"), Some("35"));
    let other = Fingerprints::of(&plan(), Some("88"), Some("35"));
    let with = |records: &[ProvisionRecord]| {
        let mut memory = Memory::default();
        for record in records {
            memory.note_provisioned(record.clone());
        }
        memory
    };
    let ok = BringupPlan {
        connect_ok: true,
        ..plan()
    };
    let none = with(&[]);
    let sent = with(&[prints.record(false)]);
    let confirmed = with(&[prints.record(true)]);
    let changed = with(&[ProvisionRecord {
        settings: "x".to_owned(),
        ..prints.record(true)
    }]);
    let swapped = with(&[other.record(true)]);
    for (plan, memory, has_context, verdict) in [
        (&ok, &none, false, Verdict::SkipAndNote),
        (&ok, &sent, false, Verdict::SkipAndNote),
        (&ok, &confirmed, false, Verdict::Skip),
        (&ok, &changed, false, Verdict::SkipThough),
        (&ok, &swapped, true, Verdict::SkipThough),
        (&plan(), &none, true, Verdict::Write),
        (&plan(), &sent, true, Verdict::SkipWritten),
        (&plan(), &sent, false, Verdict::Write),
        (&plan(), &confirmed, true, Verdict::Write),
        (&plan(), &changed, true, Verdict::Write),
    ] {
        assert_eq!(judge(plan, memory, &prints, 2, has_context), verdict);
    }
    let mut spent = Memory::default();
    spent.note_writes(1_800_000_000, 3);
    assert_eq!(judge(&plan(), &spent, &prints, 1, false), Verdict::Write);
    assert_eq!(
        judge(&plan(), &spent, &prints, 2, false),
        Verdict::SkipOverLimit
    );
}
