//! The models, one row each.

use std::time::Duration;

use super::{
    AccountCommand, Ati, ContextForm, IccidCommand, Model, Setting, Technology, Tries, UsbPorts,
};

/// Everything is taken, at once.
const BASE: Model = Model {
    name: "generic",
    manufacturer: "uplinkd",
    model: "SIM-1",
    revision: "1.0",
    ati: Ati::Labelled,
    usb: None,
    network: Technology::Lte,
    apn_prefix: true,
    context: ContextForm::AsGiven,
    accounts: &[],
    flash_wear: false,
    settings: &[],
    iccid: &[iccid("+CCID", "+CCID: ")],
    tries: None,
    resets: &["+CFUN=1,1", "+CFUN=16", "^RESET"],
    vanishes_after: Duration::from_millis(500),
    away: Duration::from_secs(3),
    boot: Duration::ZERO,
    started: &[],
    sim_start: Duration::ZERO,
    registration: Duration::ZERO,
    no_service: None,
};

pub(super) static GENERIC: Model = BASE;

/// What most modems of today have in common; the rows below say where they differ.
const COMMON: Model = Model {
    apn_prefix: false,
    context: ContextForm::Long(",0,0,0,0"),
    resets: &["+CFUN=1,1"],
    vanishes_after: Duration::from_secs(1),
    away: Duration::from_secs(15),
    boot: Duration::from_secs(2),
    sim_start: Duration::from_secs(2),
    registration: Duration::from_secs(4),
    ..BASE
};

/// 3G. The model name is that of the docomo variant.
pub(super) static LISA_U200: Model = Model {
    name: "LISA-U200",
    manufacturer: "u-blox",
    model: "LISA-U200",
    revision: "23.41",
    ati: Ati::ModelOnly,
    usb: usb(0x1546, 0x1102, 0, &[2, 4]),
    network: Technology::Umts,
    apn_prefix: true,
    context: ContextForm::Long(",0,0"),
    accounts: &[account("+UAUTHREQ", 1, 2, 3)],
    settings: &[setting("+URAT", &["0", "1", "2"], "1")],
    tries: Some(Tries::Upincnt),
    resets: &["+CFUN=16", "+CFUN=15", "+CFUN=1,1"],
    vanishes_after: Duration::from_millis(500),
    away: Duration::from_secs(12),
    no_service: Some(30),
    ..COMMON
};

/// Its command set is not public: 3GPP's commands only, the account goes through PPP.
pub(super) static KYM11: Model = Model {
    name: "KYM11",
    manufacturer: "KYOCERA",
    model: "KYM11",
    revision: "1.00",
    away: Duration::from_secs(25),
    ..COMMON
};

/// FOMA: a power-off takes more than a minute.
pub(super) static UM03_KO: Model = Model {
    name: "UM03-KO",
    manufacturer: "NTT docomo",
    model: "UM03-KO",
    revision: "1.00",
    network: Technology::Umts,
    context: ContextForm::AsGiven,
    vanishes_after: Duration::from_secs(2),
    away: Duration::from_secs(65),
    boot: Duration::from_secs(16),
    registration: Duration::from_secs(8),
    ..COMMON
};

pub(super) static AMP520: Model = Model {
    name: "AMP520",
    model: "AMP520",
    ..AM_TELECOM
};

pub(super) static AMP5200: Model = Model {
    name: "AMP5200",
    model: "AMP5200",
    ..AM_TELECOM
};

pub(super) static AMM570: Model = Model {
    name: "AMM570",
    model: "AMM570",
    ..AM_TELECOM
};

pub(super) static AMM5220: Model = Model {
    name: "AMM5220",
    model: "AMM5220",
    ..AM_TELECOM
};

/// Contexts in a long form, the account with its password first, flash memory that wears out.
const AM_TELECOM: Model = Model {
    manufacturer: "AM Telecom",
    revision: "14-01",
    usb: usb(0x1ecb, 0x0202, 0, &[]),
    accounts: &[account("$QCPDPP", 1, 3, 2)],
    flash_wear: true,
    iccid: &[iccid("+CCID", ""), iccid("+ICCID", "+ICCID: ")],
    resets: &["+CFUN=1,1", "@USBCHG=ACM"],
    away: Duration::from_secs(35),
    ..COMMON
};

pub(super) static LN940A: Model = Model {
    name: "LN940A",
    manufacturer: "Telit",
    model: "LN940A9",
    revision: "T77W676.F0.0.0.5.2",
    usb: usb(0x1bc7, 0x1900, 2, &[]),
    accounts: &[account("$QCPDPP", 1, 3, 2), account("+CGAUTH", 1, 2, 3)],
    iccid: &[iccid("+ICCID", "ICCID: "), iccid("+CCID", "+CCID: ")],
    resets: &["+CFUN=1,1", "^RESET"],
    vanishes_after: Duration::from_secs(2),
    away: Duration::from_secs(25),
    boot: Duration::from_secs(3),
    ..COMMON
};

/// An EC25.
pub(super) static QUECTEL: Model = Model {
    name: "Quectel",
    manufacturer: "Quectel",
    model: "EC25",
    revision: "EC25JFAR06A03M4G",
    ati: Ati::Plain,
    usb: usb(0x2c7c, 0x0125, 3, &[2]),
    accounts: &[
        AccountCommand {
            name: "+QICSGP",
            auth: 5,
            user: 3,
            password: 4,
            apn: Some(2),
        },
        account("+CGAUTH", 1, 2, 3),
    ],
    settings: &[Setting {
        key: "\"nwscanmode\"",
        ..setting("+QCFG", &["0", "1", "2", "3"], "0")
    }],
    iccid: &[
        filled("+QCCID", "+QCCID: "),
        filled("+CCID", "+CCID: "),
        filled("+ICCID", "+ICCID: "),
    ],
    started: &[
        "RDY",
        "+CFUN: 1",
        "+CPIN: READY",
        "+QUSIM: 1",
        "+QIND: PB DONE",
    ],
    tries: Some(Tries::Qpinc),
    ..COMMON
};

/// A SIM7600.
pub(super) static SIMCOM: Model = Model {
    name: "SIMCom",
    manufacturer: "SIMCOM INCORPORATED",
    model: "SIMCOM_SIM7600JC-H",
    revision: "LE20B03SIM7600M21",
    usb: usb(0x1e0e, 0x9001, 3, &[2]),
    accounts: &[account("+CGAUTH", 1, 3, 2)],
    settings: &[setting("+CNMP", &["2", "13", "14", "38", "39"], "2")],
    iccid: &[iccid("+CICCID", "+ICCID: "), iccid("+CCID", "")],
    resets: &["+CRESET", "+CFUN=1,1", "+CFUN=6"],
    vanishes_after: Duration::from_secs(2),
    away: Duration::from_secs(18),
    started: &["RDY", "+CPIN: READY", "SMS DONE", "PB DONE"],
    tries: Some(Tries::Spic),
    ..COMMON
};

/// A stick of the HiLink-less kind.
pub(super) static HUAWEI: Model = Model {
    name: "Huawei",
    manufacturer: "huawei",
    model: "ME909s-120",
    revision: "11.617.09.00.00",
    usb: usb(0x12d1, 0x1573, 0, &[2]),
    accounts: &[account("^AUTHDATA", 1, 4, 3)],
    settings: &[
        setting(
            "^SYSCFGEX",
            &["\"00\"", "\"01\"", "\"02\"", "\"03\""],
            "\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF",
        ),
        setting("^SYSCFG", &["2", "13", "14", "16"], "2,0,3FFFFFFF,1,2"),
        setting("^CURC", &["0", "1", "2"], "1"),
    ],
    iccid: &[filled("^ICCID", "^ICCID: ")],
    resets: &["^RESET", "+CFUN=1,1", "+CFUN=16"],
    started: &["^SIMST:1", "^SRVST:2", "^RSSI:18"],
    tries: Some(Tries::Cpin),
    ..COMMON
};

/// An LE910.
pub(super) static TELIT: Model = Model {
    name: "Telit",
    manufacturer: "Telit",
    model: "LE910-JN1",
    revision: "17.01.572",
    ati: Ati::ModelOnly,
    usb: usb(0x1bc7, 0x1201, 4, &[5]),
    accounts: &[account("#PDPAUTH", 1, 2, 3)],
    settings: &[setting(
        "+WS46",
        &["12", "22", "25", "28", "29", "30", "31"],
        "25",
    )],
    iccid: &[iccid("#CCID", "#CCID: "), iccid("+CCID", "+CCID: ")],
    resets: &["#REBOOT", "+CFUN=1,1"],
    vanishes_after: Duration::from_secs(2),
    away: Duration::from_secs(20),
    tries: Some(Tries::Pct),
    ..COMMON
};

/// A PLS62.
pub(super) static CINTERION: Model = Model {
    name: "Cinterion",
    manufacturer: "Cinterion",
    model: "PLS62-W",
    revision: "REVISION 02.000",
    ati: Ati::Plain,
    usb: usb(0x1e2d, 0x005b, 0, &[2]),
    accounts: &[account("^SGAUTH", 1, 3, 2)],
    settings: &[setting("^SXRAT", &["0", "1", "2", "3", "4", "5", "6"], "6")],
    iccid: &[iccid("+CCID", "+CCID: "), iccid("^SCID", "^SCID: ")],
    away: Duration::from_secs(20),
    boot: Duration::from_secs(5),
    started: &["^SYSSTART", "+PBREADY"],
    tries: Some(Tries::CaretSpic),
    ..COMMON
};

/// An MC7455.
pub(super) static SIERRA: Model = Model {
    name: "Sierra",
    manufacturer: "Sierra Wireless, Incorporated",
    model: "MC7455",
    revision: "SWI9X30C_02.24.05.06",
    usb: usb(0x1199, 0x9071, 3, &[2]),
    accounts: &[account("$QCPDPP", 1, 3, 2)],
    settings: &[setting(
        "!SELRAT",
        &["0", "1", "2", "6", "00", "01", "02", "06", "11", "12"],
        "00",
    )],
    iccid: &[iccid("!ICCID", "!ICCID: "), iccid("+CCID", "+CCID: ")],
    resets: &["!RESET", "+CFUN=1,1"],
    vanishes_after: Duration::from_secs(3),
    away: Duration::from_secs(30),
    tries: Some(Tries::Cpinc),
    ..COMMON
};

/// An MF-series stick.
pub(super) static ZTE: Model = Model {
    name: "ZTE",
    manufacturer: "ZTE CORPORATION",
    model: "MF821",
    revision: "BD_P821A1V1.0.0",
    usb: usb(0x19d2, 0x0167, 2, &[1]),
    accounts: &[AccountCommand {
        name: "+ZGPCOAUTH",
        auth: 3,
        user: 1,
        password: 2,
        apn: None,
    }],
    settings: &[setting(
        "+ZSNT",
        &["0,0,0", "0,0,1", "0,0,2", "1,0,0", "2,0,0", "6,0,0"],
        "0,0,0",
    )],
    iccid: &[iccid("+ZICCID", "+ZICCID: "), iccid("+CCID", "+CCID: ")],
    started: &["+ZUSIMR:2"],
    ..COMMON
};

const fn usb(vendor: u16, product: u16, dial: u8, at: &'static [u8]) -> Option<UsbPorts> {
    Some(UsbPorts {
        vendor,
        product,
        dial,
        at,
    })
}

const fn account(name: &'static str, auth: usize, user: usize, password: usize) -> AccountCommand {
    AccountCommand {
        name,
        auth,
        user,
        password,
        apn: None,
    }
}

const fn setting(
    name: &'static str,
    values: &'static [&'static str],
    default: &'static str,
) -> Setting {
    Setting {
        name,
        key: "",
        values,
        default,
    }
}

const fn iccid(name: &'static str, prefix: &'static str) -> IccidCommand {
    IccidCommand {
        name,
        prefix,
        filled: false,
    }
}

const fn filled(name: &'static str, prefix: &'static str) -> IccidCommand {
    IccidCommand {
        name,
        prefix,
        filled: true,
    }
}
