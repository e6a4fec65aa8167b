//! The default route through the link, and the former one that comes back when the link ends (spec
//! N2, C15).
//!
//! At metric 0, as pppd's `defaultroute replacedefaultroute`: what default routes the main table
//! has at that metric are written to a file, ours takes their place, and [`DefaultRoute::restore`]
//! gives them theirs back. If we are killed, the kernel removes our route with our interface, and
//! [`DefaultRoute::recover`] puts theirs back at the next start. At any other metric nothing is
//! replaced and nothing is remembered.
//!
//! The file is the truth, not the memory: several links may each have replaced the route of
//! another. A link that ends while another's route stands over its own hands what it remembers to
//! that one, by changing its file. The files are guarded by a lock in their folder.
//!
//! A file is worth something only in the network namespace and since the boot of the kernel in
//! which it was written: after a power cut the system's own configuration brings up its own routes,
//! and putting back yesterday's would be wrong. So the file is replaced in one step (a reader never
//! sees half of it), but not forced to the flash.

mod record;

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope,
};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::{Error, RouteMessageBuilder};
use rustix::io::Errno;

use super::net::{Net, errno, problem, words};
use super::saved_route::SavedRoute;
use super::tun::Tun;
use crate::link::reason::NetworkProblem;
use crate::log::{Level, LogLine};
use record::{FilesLock, Record, epoch, file_of, names_with_files, remove_file, unwritable};

/// Our default route, in place.
#[derive(Debug)]
#[must_use = "the former default route comes back only by `restore`"]
pub struct DefaultRoute {
    name: String,
    index: u32,
    metric: u32,
    state_dir: PathBuf,
    /// What was replaced, if it could not be written to the file.
    unwritten: Vec<SavedRoute>,
    log: Vec<LogLine>,
}

impl DefaultRoute {
    /// Puts a default route through `tun`, which must be up, into the main table: once for a link,
    /// see [`reassert`](Self::reassert).
    ///
    /// `metric` `None` or 0: in place of those that are there at metric 0, which are remembered in
    /// `state_dir` first. If that folder cannot be written, they are remembered until this process
    /// ends, and [`log`](Self::log) says so. Other metrics: beside all others.
    ///
    /// # Errors
    ///
    /// [`NetworkProblem::Failed`] if there is a route that could not be put back as it was, or, at
    /// a metric other than 0, one of somebody else's at that metric; and as [`Net::configure`].
    /// Nothing has changed then.
    ///
    /// # Cancellation
    ///
    /// Let it end, it takes milliseconds. If it is cancelled, what it has replaced comes back only
    /// by [`recover`](Self::recover), once the interface is gone. The same goes for
    /// [`restore`](Self::restore).
    pub async fn install(
        net: &Net,
        tun: &Tun,
        metric: Option<u32>,
        state_dir: &Path,
    ) -> Result<Self, NetworkProblem> {
        let mut route = Self {
            name: tun.name().to_owned(),
            index: tun.index(),
            metric: metric.unwrap_or(0),
            state_dir: state_dir.to_owned(),
            unwritten: Vec::new(),
            log: Vec::new(),
        };
        if route.metric == 0 {
            route.replace(net).await?;
        } else {
            route.add(net).await?;
        }
        Ok(route)
    }

    /// What pppd says, without `replacedefaultroute`, of a default route of somebody else's at metric 0, which then stays;
    /// `None`: there is none.
    ///
    /// # Errors
    ///
    /// As [`Net::configure`].
    pub async fn in_the_way(net: &Net, tun: &Tun) -> Result<Option<LogLine>, NetworkProblem> {
        let what = format!(
            "looking for a default route other than that of {}",
            tun.name()
        );
        let routes = routes_at(net, 0)
            .await
            .map_err(|error| problem(tun.name(), &what, &error))?;
        let Some(other) = routes.iter().find(|route| oif(route) != Some(tun.index())) else {
            return Ok(None);
        };
        let interfaces = net.interfaces().await;
        let interfaces = interfaces.map_err(|error| problem(tun.name(), &what, &error))?;
        let name = interfaces
            .into_iter()
            .find(|(index, _)| Some(*index) == oif(other));
        let name = name.map_or_else(|| "another interface".to_owned(), |(_, name)| name);
        let gateway = other
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some(*gateway),
                _ => None,
            });
        let gateway = gateway.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let text = format!("not replacing default route to {name} [{gateway}]");
        Ok(Some(LogLine::pppd(Level::Error, text)))
    }

    /// What was found and done.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// After a renegotiation: puts our route in again if the change of addresses has cost it.
    /// Another at the same metric stays.
    ///
    /// # Errors
    ///
    /// As [`Net::configure`].
    pub async fn reassert(&self, net: &Net) -> Result<(), NetworkProblem> {
        let what = format!("adding a default route through {}", self.name);
        match add_route(net, self.message(), NLM_F_EXCL).await {
            Err(error) if errno(&error) != Some(Errno::EXIST) => {
                Err(problem(&self.name, &what, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes our route away and puts back what it replaced, exactly. If somebody has put a default
    /// route of his own at the same metric meanwhile, that one stays and nothing is put back.
    /// Returns what there is to say.
    ///
    /// Calling it again does nothing. Call it before the interface goes, so that there is no moment
    /// without a route.
    pub async fn restore(&mut self, net: &Net) -> Vec<LogLine> {
        let mut log = Vec::new();
        if self.metric != 0 {
            if let Err(error) = self.remove_ours(net).await {
                log.push(self.warning("remove the default route through", &error));
            }
            return log;
        }
        let _lock = FilesLock::acquire(&self.state_dir, &mut log).await;
        let file = file_of(&self.state_dir, &self.name);
        let mut saved = std::mem::take(&mut self.unwritten);
        if let Some(record) = Record::read(&file, &mut log)
            && record.is_ours()
        {
            saved.extend(record.routes);
        }
        if let Err(error) = put_back(net, &self.state_dir, self.own(), saved, &mut log).await {
            log.push(self.warning("put back the default route that was replaced by", &error));
        }
        if let Err(error) = self.remove_ours(net).await {
            log.push(self.warning("remove the default route through", &error));
        }
        remove_file(&file, &mut log);
        log
    }

    /// At a start: puts back what a former run, killed, has left replaced. That is what the files
    /// in `state_dir` say of interfaces that do not exist any more: `ifname`'s, and those of other
    /// links that have not come back.
    ///
    /// Call it before [`Tun::create`]: an interface that exists may be in use by another daemon.
    ///
    /// # Errors
    ///
    /// As [`Net::configure`]. The file is kept then.
    pub async fn recover(
        net: &Net,
        state_dir: &Path,
        ifname: &str,
    ) -> Result<Vec<LogLine>, NetworkProblem> {
        let mut log = Vec::new();
        let mut names = match names_with_files(state_dir) {
            Ok(names) => names,
            // Nothing was ever written.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(log),
            Err(error) => {
                return Err(NetworkProblem::Failed {
                    what: format!("cannot read {}: {error}", state_dir.display()),
                });
            }
        };
        let _lock = FilesLock::acquire(state_dir, &mut log).await;
        let what = "looking for interfaces";
        let interfaces = net
            .interfaces()
            .await
            .map_err(|e| problem(ifname, what, &e))?;
        names.retain(|name| interfaces.iter().all(|(_, interface)| interface != name));
        for name in names {
            recover_one(net, state_dir, &name, &mut log).await?;
        }
        Ok(log)
    }

    /// Metric 0: in place of what is there.
    async fn replace(&mut self, net: &Net) -> Result<(), NetworkProblem> {
        if let Err(error) = fs::create_dir_all(&self.state_dir) {
            self.log.push(unwritable(&self.state_dir, &error));
        }
        let _lock = FilesLock::acquire(&self.state_dir, &mut self.log).await;
        // A file of our name is a former run's: the interface is ours now.
        recover_one(net, &self.state_dir, &self.name, &mut self.log).await?;

        let what = format!("replacing the default route by {}", self.name);
        let failed = |error: &Error| problem(&self.name, &what, error);
        let names = net.interfaces().await.map_err(|e| failed(&e))?;
        let mut saved = Vec::new();
        for route in self.others(net).await.map_err(|e| failed(&e))? {
            saved.push(
                SavedRoute::take(&route, &names).map_err(|why| NetworkProblem::Failed {
                    what: format!(
                        "{what}: the present one has {why}, which could not be put back; \
                     a route metric other than 0 leaves it alone"
                    ),
                })?,
            );
        }
        let file = file_of(&self.state_dir, &self.name);
        if !saved.is_empty() {
            let record = Record {
                epoch: epoch(),
                routes: saved.clone(),
            };
            if let Err(error) = record.write(&file) {
                self.log.push(unwritable(&self.state_dir, &error));
                self.unwritten.clone_from(&saved);
            }
        }
        for route in &saved {
            let text = format!("{} replaces the default route {}", self.name, route.brief());
            self.log.push(LogLine::uplinkd(Level::Info, text));
        }
        let result = async {
            // In one step: there is no moment without a default route.
            add_route(net, self.message(), NLM_F_REPLACE).await?;
            // It replaces one. Of several that were appended to each other the others are still
            // there.
            for route in self.others(net).await? {
                net.handle.route().del(route).execute().await?;
            }
            Ok(())
        };
        if let Err(error) = result.await {
            let problem = failed(&error);
            // Nothing has been replaced if there was nothing to do it with; else back to where we
            // were.
            let mut log = Vec::new();
            let _ = put_back(net, &self.state_dir, self.own(), saved, &mut log).await;
            let _ = self.remove_ours(net).await;
            remove_file(&file, &mut log);
            return Err(problem);
        }
        Ok(())
    }

    /// Another metric: beside what is there.
    async fn add(&self, net: &Net) -> Result<(), NetworkProblem> {
        let what = format!("adding a default route through {}", self.name);
        match add_route(net, self.message(), NLM_F_EXCL).await {
            Ok(()) => Ok(()),
            Err(error) if errno(&error) == Some(Errno::EXIST) => {
                let others = self
                    .others(net)
                    .await
                    .map_err(|e| problem(&self.name, &what, &e))?;
                if others.is_empty() {
                    return Ok(());
                }
                Err(NetworkProblem::Failed {
                    what: format!("{what}: there is another with metric {}", self.metric),
                })
            }
            Err(error) => Err(problem(&self.name, &what, &error)),
        }
    }

    /// Our route as the kernel wants it.
    fn message(&self) -> RouteMessage {
        RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(self.index)
            .priority(self.metric)
            .protocol(RouteProtocol::Boot)
            .scope(RouteScope::Link)
            .build()
    }

    /// The default routes at our metric that are not ours.
    async fn others(&self, net: &Net) -> Result<Vec<RouteMessage>, Error> {
        let mut routes = routes_at(net, self.metric).await?;
        routes.retain(|route| oif(route) != Some(self.index));
        Ok(routes)
    }

    async fn remove_ours(&self, net: &Net) -> Result<(), Error> {
        for route in routes_at(net, self.metric).await? {
            if oif(&route) != Some(self.index) {
                continue;
            }
            match net.handle.route().del(route).execute().await {
                // Gone already is as good.
                Err(error) if errno(&error) != Some(Errno::SRCH) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn own(&self) -> Link<'_> {
        Link {
            name: &self.name,
            index: Some(self.index),
        }
    }

    fn warning(&self, what: &str, error: &Error) -> LogLine {
        let text = format!("cannot {what} {}: {}", self.name, words(error));
        LogLine::uplinkd(Level::Warning, text)
    }
}

/// Puts back what the file of the interface `name` says, if it is still worth something, and
/// removes the file.
async fn recover_one(
    net: &Net,
    state_dir: &Path,
    name: &str,
    log: &mut Vec<LogLine>,
) -> Result<(), NetworkProblem> {
    let file = file_of(state_dir, name);
    if let Some(record) = Record::read(&file, log)
        && record.is_ours()
    {
        let what = format!("putting back the default route that {name} had replaced");
        // The interface is gone, or new: no route is ours.
        let link = Link { name, index: None };
        put_back(net, state_dir, link, record.routes, log)
            .await
            .map_err(|error| problem(name, &what, &error))?;
    }
    remove_file(&file, log);
    Ok(())
}

/// A link of ours: the name its file has, and the number of its interface, if it has one still. The interface may have
/// been renamed meanwhile, the number stays.
#[derive(Clone, Copy)]
struct Link<'a> {
    name: &'a str,
    index: Option<u32>,
}

/// Puts the routes back that `link` has replaced, unless there is another default
/// route at metric 0 by now. If that is another link's, it is told.
async fn put_back(
    net: &Net,
    state_dir: &Path,
    link: Link<'_>,
    saved: Vec<SavedRoute>,
    log: &mut Vec<LogLine>,
) -> Result<(), Error> {
    if saved.is_empty() {
        return Ok(());
    }
    let interfaces = net.interfaces().await?;
    let name_of = |route: &RouteMessage| {
        let index = oif(route)?;
        interfaces
            .iter()
            .find(|(i, _)| *i == index)
            .map(|(_, name)| name.as_str())
    };
    let mut others = routes_at(net, 0).await?;
    others.retain(|route| match link.index {
        Some(_) => oif(route) != link.index,
        None => name_of(route) != Some(link.name),
    });
    let mut present = Vec::new();
    for other in &others {
        let through = name_of(other).unwrap_or("?");
        let brief = match SavedRoute::take(other, &interfaces) {
            // What we were to put back: we did not come to replace it.
            Ok(other) if saved.contains(&other) => {
                present.push(other);
                continue;
            }
            Ok(other) => other.brief(),
            Err(_) => format!("dev {through}"),
        };
        let text = format!("the default route is another by now and stays: {brief}");
        log.push(LogLine::uplinkd(Level::Notice, text));
        hand_over(state_dir, link.name, through, saved, log);
        return Ok(());
    }
    // The first takes the place of ours, the others follow it.
    let mut flags = if present.is_empty() {
        NLM_F_REPLACE
    } else {
        NLM_F_APPEND
    };
    for route in saved {
        if present.contains(&route) {
            continue;
        }
        let brief = route.brief();
        let result = match route.message(&interfaces) {
            Some(message) => add_route(net, message, flags).await.map_err(|e| words(&e)),
            None => Err("its interface is gone".to_owned()),
        };
        log.push(match result {
            Ok(()) => {
                flags = NLM_F_APPEND;
                LogLine::uplinkd(Level::Info, format!("put back the default route {brief}"))
            }
            // Without its interface or its gateway it would be gone without us, too.
            Err(why) => LogLine::uplinkd(
                Level::Warning,
                format!("cannot put back the default route {brief}: {why}"),
            ),
        });
    }
    Ok(())
}

/// `name` ends, and the default route belongs to `through`: if that is a link like us, which
/// replaced our route, it gets what we had replaced, to put that back in our stead.
fn hand_over(
    state_dir: &Path,
    name: &str,
    through: &str,
    saved: Vec<SavedRoute>,
    log: &mut Vec<LogLine>,
) {
    let file = file_of(state_dir, through);
    let Some(mut record) = Record::read(&file, log) else {
        return;
    };
    let before = record.routes.len();
    record.routes.retain(|route| !route.is_only_through(name));
    if record.routes.len() == before || !record.is_ours() {
        return;
    }
    record.routes.extend(saved);
    if let Err(error) = record.write(&file) {
        log.push(unwritable(state_dir, &error));
    }
}

/// Adds a route; `how` is one of NLM_F_EXCL, NLM_F_REPLACE, NLM_F_APPEND (rtnetlink knows only the
/// first two).
async fn add_route(net: &Net, message: RouteMessage, how: u16) -> Result<(), Error> {
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | how;
    let mut answers = net.handle.clone().request(request)?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(Error::NetlinkError(error));
        }
    }
    Ok(())
}

/// The default routes at a metric. One for a type of service (`ip route add tos`) is another route,
/// not that one.
async fn routes_at(net: &Net, metric: u32) -> Result<Vec<RouteMessage>, Error> {
    let mut routes = net.default_routes().await?;
    routes.retain(|route| {
        let at = route
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                RouteAttribute::Priority(metric) => Some(*metric),
                _ => None,
            });
        at.unwrap_or(0) == metric && route.header.tos == 0
    });
    Ok(routes)
}

/// The interface of a route that has one.
fn oif(route: &RouteMessage) -> Option<u32> {
    route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        })
}

#[cfg(test)]
mod tests;
