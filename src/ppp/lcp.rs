//! Link Control Protocol: its options (RFC 1661 section 6, RFC 1662 section 7). Spec P3.
//!
//! Known are MRU, ACCM, authentication protocol, magic number and the two header compressions.
//! Everything else (quality reports, multilink, callback, endpoint discriminators, alternative FCS)
//! is rejected. Echo, Identification and Protocol-Reject are the session's; see [`super::session`].

use super::config::{AllowedAuth, AuthDemand, AuthMethod, LcpConfig};
use super::event::{DownReason, Layer};
use super::fsm::{Answer, ControlProtocol, Distinct, Effect};
use super::wire::{RawOption, Reader};
use crate::random::Random;

const MRU: u8 = 1;
const ACCM: u8 = 2;
const AUTHENTICATION: u8 = 3;
const MAGIC: u8 = 5;
const PFC: u8 = 7;
const ACFC: u8 = 8;

/// CHAP's algorithm number of MD5 (RFC 1994 section 3).
const CHAP_MD5: u8 = 5;

/// What a peer receives that has said nothing (RFC 1661 section 6.1).
const DEFAULT_MRU: u16 = 1500;

/// pppd's smallest MRU; less cannot carry what a network needs.
const MIN_MRU: u16 = 128;

/// LCP's options on both sides.
pub(crate) struct Lcp {
    config: LcpConfig,
    allow: AllowedAuth,
    demand: Option<(AuthMethod, AllowedAuth)>,
    random: Random,
    ours: Ours,
    peer: PeerOptions,
    /// How often in a row the peer's magic number was ours.
    collisions: u32,
    auth_rejected: bool,
    /// The last demand was answered by the suggestion of another protocol.
    auth_unmet: bool,
    peer_refuses_auth: bool,
}

/// What our Configure-Request holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ours {
    mru: Option<u16>,
    accm: Option<u32>,
    auth: Option<AuthMethod>,
    magic: Option<u32>,
    pfc: bool,
    acfc: bool,
}

/// What the peer's acknowledged Configure-Request says: how we have to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerOptions {
    /// Longest information field that it receives.
    pub(crate) mru: u16,
    /// Control characters that we have to escape.
    pub(crate) accm: u32,
    /// How it wants us to authenticate ourselves.
    pub(crate) auth: Option<AuthMethod>,
    /// Its magic number.
    pub(crate) magic: Option<u32>,
    /// It takes protocol fields of one octet.
    pub(crate) pfc: bool,
    /// It takes frames without address and control fields.
    pub(crate) acfc: bool,
}

impl Default for PeerOptions {
    /// RFC 1661 section 6 and RFC 1662 section 7.1: what holds for an option that is not there.
    fn default() -> Self {
        Self {
            mru: DEFAULT_MRU,
            accm: 0xffff_ffff,
            auth: None,
            magic: None,
            pfc: false,
            acfc: false,
        }
    }
}

impl Lcp {
    /// `demand` is what we ask of the peer, `allow` what it may ask of us.
    pub(crate) fn new(
        config: LcpConfig,
        allow: AllowedAuth,
        demand: Option<&AuthDemand>,
        random: Random,
    ) -> Self {
        let ours = Ours {
            mru: None,
            accm: None,
            auth: None,
            magic: None,
            pfc: false,
            acfc: false,
        };
        let mut lcp = Self {
            config,
            allow,
            demand: demand.map(|demand| (demand.method, demand.acceptable)),
            random,
            ours,
            peer: PeerOptions::default(),
            collisions: 0,
            auth_rejected: false,
            auth_unmet: false,
            peer_refuses_auth: false,
        };
        lcp.restart();
        lcp
    }

    /// What the peer has asked for, once its request was acknowledged.
    pub(crate) fn peer(&self) -> &PeerOptions {
        &self.peer
    }

    /// The control characters that the configuration wants escaped: one that comes bare was put in
    /// by the line. The peer has to escape them before the negotiation (all 32 then, RFC 1662
    /// section 7.1) and after it, if it has agreed. What a Nak has added does not count: several
    /// chipsets send those bare (ASR1603).
    pub(crate) fn receive_accm(&self, opened: bool) -> u32 {
        let agreed = if opened {
            self.ours.accm.unwrap_or(0)
        } else {
            u32::MAX
        };
        self.config.accm.unwrap_or(0) & agreed
    }

    /// How the peer will authenticate itself.
    pub(crate) fn demanded(&self) -> Option<AuthMethod> {
        self.ours.auth
    }

    /// Our magic number; zero if none was agreed (RFC 1661 section 6.4).
    pub(crate) fn magic(&self) -> u32 {
        self.ours.magic.unwrap_or(0)
    }

    /// Whether a demand for authentication of ourselves was rejected in this session.
    pub(crate) fn auth_rejected(&self) -> bool {
        self.auth_rejected
    }

    /// Whether the peer's last demand for authentication of ourselves was answered by the suggestion of another protocol.
    pub(crate) fn auth_unmet(&self) -> bool {
        self.auth_unmet
    }

    /// Whether the peer refused every kind of authentication that we demand.
    pub(crate) fn peer_refuses_auth(&self) -> bool {
        self.peer_refuses_auth
    }

    fn judge_option(
        &mut self,
        option: RawOption<'_>,
        answer: &mut Answer,
        asked: &mut PeerOptions,
    ) {
        let mut data = Reader::new(option.data);
        match (option.kind, option.data.len()) {
            (MRU, 2) => {
                let mru = data.u16().unwrap_or(0);
                if mru < MIN_MRU {
                    answer.nak(option, &MIN_MRU.to_be_bytes());
                } else {
                    asked.mru = mru;
                }
            }
            (ACCM, 4) => asked.accm = data.u32().unwrap_or(u32::MAX),
            (AUTHENTICATION, 2..) => self.judge_auth(option, answer, asked),
            (MAGIC, 4) => self.judge_magic(data.u32().unwrap_or(0), answer, asked),
            (PFC, 0) if self.config.pfc => asked.pfc = true,
            (ACFC, 0) if self.config.acfc => asked.acfc = true,
            _ => answer.reject(option),
        }
    }

    fn judge_auth(&mut self, option: RawOption<'_>, answer: &mut Answer, asked: &mut PeerOptions) {
        let method = parse_method(option.data).filter(|method| allows(self.allow, *method));
        if let Some(method) = method {
            asked.auth = Some(method);
            self.auth_unmet = false;
            return;
        }
        // Something that we could do instead is said as long as Naks may be sent: a phone insisted
        // twice before it took PAP.
        let rejected = match preferred(self.allow) {
            Some(method) => answer.nak(option, method_data(method)),
            None => {
                answer.reject(option);
                true
            }
        };
        self.auth_rejected |= rejected;
        self.auth_unmet = !rejected;
    }

    /// RFC 1661 section 6.4. Zero is not a magic number.
    fn judge_magic(&mut self, magic: u32, answer: &mut Answer, asked: &mut PeerOptions) {
        let ours = Some(magic) == self.ours.magic;
        if ours {
            self.collisions = self.collisions.saturating_add(1);
        } else {
            self.collisions = 0;
        }
        if ours || magic == 0 {
            let other = self.random.nonzero_u32().to_be_bytes();
            answer.insist(RawOption {
                kind: MAGIC,
                data: &other,
            });
        } else {
            asked.magic = Some(magic);
        }
    }

    fn nak_option(&mut self, option: RawOption<'_>, as_reject: bool) {
        let mut data = Reader::new(option.data);
        match (option.kind, option.data.len()) {
            // Never for magic: with another number the negotiation goes on, or the line is a loop.
            (MAGIC, 4) => {
                let other = self.random.nonzero_u32();
                self.ours.magic = self.ours.magic.map(|_| other);
            }
            _ if as_reject => self.drop_option(option.kind),
            (MRU, 2) => {
                let mru = data.u16().unwrap_or(0);
                // We can always receive less than we wanted, and the default (RFC 1661 section
                // 6.1).
                if mru >= MIN_MRU && (mru <= self.config.mru || mru <= DEFAULT_MRU) {
                    self.ours.mru = Some(mru);
                }
            }
            // RFC 1662 section 7.1: a peer names the characters that it will escape anyway; both
            // wishes are met.
            (ACCM, 4) => {
                let accm = data.u32().unwrap_or(0);
                self.ours.accm = Some(self.ours.accm.unwrap_or(0) | accm);
            }
            (AUTHENTICATION, 2..) => self.nak_auth(parse_method(option.data)),
            // Compression that is added by the peer: either we ask for it, or we do not want it.
            _ => {}
        }
    }

    /// The peer wants to authenticate itself in another way, or wants us to demand it, which we do
    /// not.
    fn nak_auth(&mut self, suggested: Option<AuthMethod>) {
        let (Some(current), Some((_, acceptable))) = (self.ours.auth, self.demand) else {
            return;
        };
        let other = match current {
            AuthMethod::Pap => AuthMethod::ChapMd5,
            AuthMethod::ChapMd5 => AuthMethod::Pap,
        };
        // What is neither of the two (EAP, MS-CHAP) gets the other one offered as well.
        if suggested != Some(current) && allows(acceptable, other) {
            self.ours.auth = Some(other);
        }
    }

    fn drop_option(&mut self, kind: u8) {
        match kind {
            MRU => self.ours.mru = None,
            ACCM => self.ours.accm = None,
            AUTHENTICATION => {
                self.peer_refuses_auth |= self.ours.auth.is_some();
                self.ours.auth = None;
            }
            MAGIC => self.ours.magic = None,
            PFC => self.ours.pfc = false,
            ACFC => self.ours.acfc = false,
            _ => {}
        }
    }
}

impl ControlProtocol for Lcp {
    const LAYER: Layer = Layer::Lcp;
    type Proposal = PeerOptions;

    fn restart(&mut self) {
        self.peer = PeerOptions::default();
        self.collisions = 0;
        self.peer_refuses_auth = false;
        self.ours = Ours {
            mru: (self.config.mru != DEFAULT_MRU).then_some(self.config.mru),
            accm: self.config.accm,
            auth: self.demand.map(|(method, _)| method),
            magic: self.config.magic.then(|| self.random.nonzero_u32()),
            pfc: self.config.pfc,
            acfc: self.config.acfc,
        };
    }

    fn write_request(&self, out: &mut Vec<u8>) {
        let Ours {
            mru,
            accm,
            auth,
            magic,
            pfc,
            acfc,
        } = &self.ours;
        let mut write = |kind, data: &[u8]| RawOption { kind, data }.write(out);
        if let Some(mru) = mru {
            write(MRU, &mru.to_be_bytes());
        }
        if let Some(accm) = accm {
            write(ACCM, &accm.to_be_bytes());
        }
        if let Some(method) = auth {
            write(AUTHENTICATION, method_data(*method));
        }
        if let Some(magic) = magic {
            write(MAGIC, &magic.to_be_bytes());
        }
        if *pfc {
            write(PFC, &[]);
        }
        if *acfc {
            write(ACFC, &[]);
        }
    }

    fn handle_nak(&mut self, options: Distinct<'_>, as_reject: bool) -> Effect {
        let before = self.ours.clone();
        options.for_each(|option| self.nak_option(option, as_reject));
        if self.ours == before {
            Effect::Unchanged
        } else {
            Effect::Changed
        }
    }

    fn handle_reject(&mut self, options: Distinct<'_>) -> Effect {
        let before = self.ours.clone();
        options.for_each(|option| self.drop_option(option.kind));
        if self.ours == before {
            Effect::Unchanged
        } else {
            Effect::Changed
        }
    }

    fn judge(&mut self, request: Distinct<'_>, answer: &mut Answer) -> PeerOptions {
        let mut asked = PeerOptions::default();
        request.for_each(|option| self.judge_option(option, answer, &mut asked));
        asked
    }

    fn handle_ack(&mut self) {}

    fn commit(&mut self, proposal: PeerOptions) {
        self.peer = proposal;
    }

    fn failure(&self) -> Option<DownReason> {
        (self.collisions >= self.config.max_loopback.max(1)).then_some(DownReason::Loopback)
    }
}

/// The data of the authentication option (RFC 1661 section 6.2, RFC 1994 section 3).
fn method_data(method: AuthMethod) -> &'static [u8] {
    match method {
        AuthMethod::Pap => &[0xc0, 0x23],
        AuthMethod::ChapMd5 => &[0xc2, 0x23, CHAP_MD5],
    }
}

fn parse_method(data: &[u8]) -> Option<AuthMethod> {
    [AuthMethod::ChapMd5, AuthMethod::Pap]
        .into_iter()
        .find(|method| method_data(*method) == data)
}

fn allows(allowed: AllowedAuth, method: AuthMethod) -> bool {
    match method {
        AuthMethod::Pap => allowed.pap,
        AuthMethod::ChapMd5 => allowed.chap_md5,
    }
}

/// CHAP before PAP: it does not show the password to the line.
fn preferred(allowed: AllowedAuth) -> Option<AuthMethod> {
    [AuthMethod::ChapMd5, AuthMethod::Pap]
        .into_iter()
        .find(|method| allows(allowed, *method))
}
